import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { format } from 'prettier';
import { reports, tables, withTables } from '../../scripts/documents.ts';
import { infraErrorCodes } from '../../src/errors.ts';
import { endpointFields, secretFields } from '../../src/inputs/nested.ts';
import { inputTable } from '../../src/inputs/table.ts';
import { checks } from '../../src/preflight/run.ts';
import { resolvedFields } from '../../src/resolve/resolved.ts';
import { rules } from '../../src/security/rules.ts';
import { list, record } from '../../src/values.ts';

const docs = join(import.meta.dirname, '../../../../docs');
const again = 'npm run docs:infra regenerates it';
const page = await readFile(join(docs, 'infrastructure.md'), 'utf8');

/** What each table must have a row for, from the code and not from the page. */
const entries: Readonly<Record<string, readonly string[]>> = {
  inputs: Object.keys(inputTable),
  auth: Object.keys(secretFields),
  endpoints: Object.keys(endpointFields),
  resolved: Object.keys(resolvedFields),
  checks: checks.map((check) => check.code),
  rules: rules.map((rule) => rule.id),
  errors: Object.keys(infraErrorCodes),
};

/** The first cells of the rows between the markers of a table, without the head and the line below it. */
function rowsOf(text: string, name: string): string[] {
  const [, between = ''] = new RegExp(`<!-- ${name} -->([^]*?)<!-- /${name} -->`).exec(text) ?? [];
  return between
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => (line.split('|')[1] ?? '').trim().replaceAll('`', ''));
}

suite('what npm run docs:infra writes', () => {
  test('this test covers every table of the generator', () => {
    assert.deepEqual(Object.keys(entries).toSorted(), Object.keys(tables).toSorted());
  });

  for (const [name, expected] of Object.entries(entries)) {
    test(`docs/infrastructure.md has a row for each entry of the table of ${name}`, () => {
      assert.ok(expected.length > 0);
      assert.deepEqual(rowsOf(page, name), expected, again);
    });

    test(`a page without the marker of the table of ${name} is an error`, () => {
      for (const mark of [`<!-- ${name} -->`, `<!-- /${name} -->`]) {
        assert.throws(() => withTables(page.replace(mark, '')), new RegExp(`<!-- ${name} -->`));
      }
      assert.throws(() => withTables(page + page), /2 places/);
    });

    test(`a row missing from the table of ${name} is written again`, () => {
      const [row = ''] = expected;
      const planted = page.replace(new RegExp(`^\\| \`?${row}\`? +\\|.*\\n`, 'm'), '');
      assert.notEqual(planted, page, 'the fault is planted');
      assert.notDeepEqual(rowsOf(planted, name), expected);
      assert.deepEqual(rowsOf(withTables(planted), name), expected);
    });
  }

  test('an empty marker, on one line or several, is filled', () => {
    for (const empty of [
      '<!-- x --><!-- /x -->',
      '<!-- x -->\n<!-- /x -->',
      '<!-- x -->\n\n\n<!-- /x -->',
    ]) {
      assert.equal(withTables(empty, { x: () => 'made' }), '<!-- x -->\n\nmade\n\n<!-- /x -->');
    }
  });

  test('the permissions for plan are those of the calls that the checks use', () => {
    const [, paragraph = ''] = /^(Reads \(`plan`\): .*?)\n\n/ms.exec(page) ?? [];
    const given = [...paragraph.matchAll(/`([\w-]+:\w+\*?)`/g)].map(([, action = '']) => action);
    const needed = checks.flatMap(({ looks }) => looks.match(/\b[a-z0-9]+:[A-Z]\w+/g) ?? []);
    assert.ok(given.length > 20 && needed.length > 20);
    assert.deepEqual(
      needed.filter(
        (action) =>
          !given.some((one) =>
            one.endsWith('*') ? action.startsWith(one.slice(0, -1)) : one === action,
          ),
      ),
      [],
    );
  });

  test('the tables of docs/infrastructure.md are up to date', async () => {
    const made = await format(withTables(page), {
      parser: 'markdown',
      printWidth: 100,
      singleQuote: true,
    });
    assert.equal(page, made, again);
  });

  test('the reports in docs/security-checks are up to date, and none is empty', async () => {
    for (const [name, text] of Object.entries(reports())) {
      assert.ok(text.length > 100, name);
      assert.equal(
        await readFile(join(docs, 'security-checks', name), 'utf8'),
        text,
        `${name}: ${again}`,
      );
    }
  });

  // The scanners do not run here. Their reports must be SARIF, agree with the text reports, and match the current
  // template.
  for (const engine of ['rds-proxy', 'sluice']) {
    for (const [tool, driver] of [
      ['cfn-lint', 'cfn-lint'],
      ['checkov', 'Checkov'],
    ] as const) {
      test(`the reports of ${tool} for ${engine} belong together and to the template`, async () => {
        const read = async (name: string) =>
          await readFile(join(docs, 'security-checks', `${engine}.${name}`), 'utf8');
        const report = await read(`${tool}.txt`);
        const sarif = record(JSON.parse(await read(`${tool}.sarif`)));
        assert.equal(sarif['version'], '2.1.0');
        const runs = list(sarif['runs']).map(record);
        assert.equal(runs.length, 1);
        const [found = {}] = runs;
        assert.equal(record(record(found['tool'])['driver'])['name'], driver);

        const counted = /found (\d+) errors, (\d+) warnings, and (\d+) |Failed checks: (\d+)/.exec(
          report,
        );
        assert.ok(counted, report);
        const sum = counted.slice(1).reduce((all, count) => all + Number(count ?? 0), 0);
        const results = list(found['results']).map(record);
        assert.equal(results.length, sum, again);
        for (const { ruleId } of results) {
          assert.match(report, new RegExp(String(ruleId)));
        }

        const lines = (await read('template.json')).split('\n');
        for (const [, name = '', line] of report.matchAll(
          /FAILED for resource: [\w:]+\.(\w+)\n\s*File: \S+:(\d+)-/g,
        )) {
          assert.match(lines[Number(line) - 1] ?? '', new RegExp(`"${name}": \\{`), again);
        }
        for (const [, line, name = ''] of report.matchAll(/^(\d+):\d+: +\w+ +'(\w+)'/gm)) {
          assert.ok((lines[Number(line) - 1] ?? '').includes(name), again);
        }
      });
    }
  }
});
