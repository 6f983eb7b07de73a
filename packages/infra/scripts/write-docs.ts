/**
 * Writes the tables of docs/infrastructure.md and the files of docs/security-checks: always our own reports, and those
 * of cfn-lint and checkov if they are installed (in .cache/scanners or on the PATH).
 *
 *   npm run docs:infra
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { format } from 'prettier';
import { messageOf } from '../src/errors.ts';
import { isRecord, record } from '../src/values.ts';
import { reports, withTables } from './documents.ts';

const root = join(import.meta.dirname, '../../..');
const folder = join(root, 'docs/security-checks');
const run = promisify(execFile);

/**
 * Runs a scanner. A scanner that finds something exits with another code than 0; that is no failure if it printed its
 * findings.
 */
async function scan(tool: string, words: readonly string[]): Promise<string | undefined> {
  const own = join(root, '.cache/scanners/bin', tool);
  try {
    const { stdout } = await run(existsSync(own) ? own : tool, words, {
      cwd: folder,
      maxBuffer: 1 << 26,
    });
    return stdout;
  } catch (error) {
    const said = record(error)['stdout'];
    if (
      isRecord(error) &&
      typeof error['code'] === 'number' &&
      typeof said === 'string' &&
      said !== ''
    ) {
      return said;
    }
    process.stderr.write(`${tool} was not run: ${messageOf(error)}\n`);
    return undefined;
  }
}

const document = join(root, 'docs/infrastructure.md');
const text = withTables(await readFile(document, 'utf8'));
await writeFile(
  document,
  await format(text, { parser: 'markdown', printWidth: 100, singleQuote: true }),
);

const files = reports();
for (const [name, content] of Object.entries(files)) {
  await writeFile(join(folder, name), content);
}
for (const engine of ['rds-proxy', 'sluice']) {
  const template = `${engine}.template.json`;
  const checkov = ['--file', template, '--framework', 'cloudformation', '--quiet'];
  for (const [name, tool, words] of [
    [`${engine}.cfn-lint.txt`, 'cfn-lint', ['--format', 'pretty', template]],
    [`${engine}.cfn-lint.sarif`, 'cfn-lint', ['--format', 'sarif', template]],
    [`${engine}.checkov.txt`, 'checkov', [...checkov, '--compact', '--output', 'cli']],
  ] as const) {
    const said = await scan(tool, words);
    if (said !== undefined) {
      await writeFile(join(folder, name), `${said.trimEnd()}\n`);
    }
  }
  // checkov does not print SARIF: it writes a file with a fixed name into a directory.
  const made = await mkdtemp(join(tmpdir(), 'checkov-'));
  const words = [...checkov, '--output', 'sarif', '--output-file-path', made];
  if ((await scan('checkov', words)) !== undefined) {
    const sarif: unknown = JSON.parse(await readFile(join(made, 'results_sarif.sarif'), 'utf8'));
    await writeFile(
      join(folder, `${engine}.checkov.sarif`),
      `${JSON.stringify(sarif, undefined, 2)}\n`,
    );
  }
  await rm(made, { recursive: true });
}
