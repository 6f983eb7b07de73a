import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { parse } from '@cdktn/hcl2json';
import { parse as parseYaml } from 'yaml';
import { nineInputs } from '../../src/inputs/table.ts';
import { record } from '../../src/values.ts';
import { terraform, withoutTerraform } from '../terraform.ts';

const deploy = join(import.meta.dirname, '../../../../deploy');
const folder = join(deploy, 'terraform');
const files = (await readdir(folder)).filter((name) => name.endsWith('.tf'));

async function parsed(name: string): Promise<Record<string, unknown>> {
  return parse(name, await readFile(join(folder, name), 'utf8'));
}

suite('the Terraform module', () => {
  test('HashiCorp’s parser reads every file', async () => {
    assert.ok(files.length >= 5);
    for (const name of files) {
      assert.ok(Object.keys(await parsed(name)).length > 0, name);
    }
  });

  test('it has the nine inputs of the original with their names, and each variable has a description', async () => {
    const variables = record((await parsed('variables.tf'))['variable']);
    assert.deepEqual(
      Object.keys(variables)
        .filter((name) => nineInputs.includes(name))
        .toSorted(),
      [...nineInputs].toSorted(),
    );
    for (const [name, [variable]] of Object.entries(variables) as [
      string,
      [Record<string, unknown>],
    ][]) {
      assert.ok(String(variable['description']).length > 10, name);
    }
  });

  test('everything that is referred to is declared: variables, locals, resources and data', async () => {
    const declared = new Set<string>();
    let text = '';
    for (const name of files) {
      const document = await parsed(name);
      text += await readFile(join(folder, name), 'utf8');
      for (const key of Object.keys(record(document['variable']))) declared.add(`var.${key}`);
      for (const locals of [document['locals']].flat()) {
        for (const key of Object.keys(record(locals))) declared.add(`local.${key}`);
      }
      for (const [prefix, kinds] of [
        ['', record(document['resource'])],
        ['data.', record(document['data'])],
      ] as const) {
        for (const [type, named] of Object.entries(kinds)) {
          for (const key of Object.keys(record(named))) declared.add(`${prefix}${type}.${key}`);
        }
      }
    }
    const code = text.replaceAll(/#.*$/gm, '').replaceAll(/description\s*=\s*".*"/g, '');
    const used = [
      ...code.matchAll(/\b(?:var|local)\.\w+/g),
      ...code.matchAll(/\bdata\.aws_\w+\.\w+/g),
      ...code.matchAll(/(?<![.\w"])aws_\w+\.\w+/g),
    ].map(([reference]) => reference);
    assert.ok(used.length > 50);
    assert.deepEqual(
      [...new Set(used)].filter((reference) => !declared.has(reference)),
      [],
    );
    for (const engine of ['aws_db_proxy.this', 'aws_ecs_service.this']) {
      assert.ok(declared.has(engine), engine);
    }
  });

  test('it is formatted', { skip: withoutTerraform }, () => {
    execFileSync(terraform ?? '', ['fmt', '-check', '-recursive', folder]);
  });
});

suite('the GitHub Action', () => {
  test('its steps use existing files, and the script writes its outputs', async () => {
    const action = record(
      parseYaml(await readFile(join(deploy, 'github-action/action.yml'), 'utf8')),
    );
    const runs = record(action['runs']);
    assert.equal(runs['using'], 'composite');
    const inputs = Object.keys(record(action['inputs']));
    const text = JSON.stringify(action);
    for (const [, name = ''] of text.matchAll(/inputs\.([\w-]+)/g)) {
      assert.ok(inputs.includes(name), name);
    }
    const script = await readFile(join(deploy, 'github-action/plan.sh'), 'utf8');
    for (const [, name = ''] of text.matchAll(/steps\.plan\.outputs\.([\w-]+)/g)) {
      assert.match(script, new RegExp(`echo "${name}=`));
    }
    assert.equal(script.match(/sluice aws plan/g)?.length, 1, 'it plans once');
    execFileSync('bash', ['-n', join(deploy, 'github-action/plan.sh')]);
  });
});
