import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { list, record } from '../../src/values.ts';
import { startAccount, type EmulatedAccount } from './account.ts';
import { inputsFile } from './command.ts';
import { withoutEmulator } from './emulator.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../../..');
const script = join(root, 'deploy/github-action/plan.sh');

suite('the script of the GitHub Action', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;

  before(async () => {
    account = await startAccount(true);
  });

  after(async () => {
    await account.stop();
  });

  /** Runs the script as a GitHub runner does. Returns its outputs, and the texts of the files that they name. */
  async function planned(
    t: Parameters<typeof inputsFile>[0],
    inputs: string,
    words = '',
  ): Promise<{ code: string | undefined; json: unknown; comment: string; sarif: string }> {
    const file = await inputsFile(t, inputs);
    const detail = join(dirname(file), 'outputs');
    await run('bash', [script], {
      env: {
        ...process.env,
        // mktemp creates its folder here; it is removed with the test.
        TMPDIR: dirname(file),
        SLUICE_INPUTS: file,
        SLUICE_DIRECTORY: root,
        SLUICE_ARGUMENTS: words,
        GITHUB_OUTPUT: detail,
      },
    });
    const lines = (await readFile(detail, 'utf8')).trim().split('\n');
    const outputs = new Map(
      lines.map((line) => [line.replace(/=.*/, ''), line.replace(/^.*?=/, '')]),
    );
    const text = async (name: string): Promise<string> => {
      const path = outputs.get(name);
      return path === undefined ? '' : readFile(path, 'utf8');
    };
    return {
      code: outputs.get('exit-code'),
      json: JSON.parse(await text('plan')),
      comment: await text('comment'),
      sarif: await text('sarif'),
    };
  }

  test('one plan gives the JSON, the comment and the SARIF', async (t) => {
    const { code, json, comment, sarif } = await planned(t, account.tfvars);
    assert.equal(code, '2');
    const plan = record(json);
    assert.equal(plan['verdict'], 'changes');
    assert.match(comment, /There are changes\.\n\n<details><summary>orders \(rds-proxy\): Plan: /);
    assert.match(comment, /\+ AWS::RDS::DBProxy .*\n[^]*```\n\n<\/details>/);
    const [sarifRun] = list(record(JSON.parse(sarif))['runs']).map(record);
    assert.ok(list(sarifRun?.['results']).length > 0);
  });

  test('a blocked plan is reported with the reason', async (t) => {
    const { code, comment, sarif } = await planned(t, account.tfvars, '--var RequireTLS=false');
    assert.equal(code, '1');
    assert.match(comment, /\*\*Something blocks the plan\.\*\*/);
    assert.match(comment, /<summary>orders \(rds-proxy\): Blocked: 1 security violation\./);
    assert.match(sarif, /SLUICE-TLS/);
  });

  test('refused inputs are reported, and there is no SARIF', async (t) => {
    const { code, json, comment, sarif } = await planned(t, 'vpc_id = ""\n');
    assert.equal(code, '1');
    assert.equal(record(record(json)['error'])['code'], 'INPUTS_INVALID');
    assert.match(comment, /Failed: no plan could be made\.[^]*error: .*vpc_id is empty/);
    assert.equal(sarif, '');
  });

  test('an invalid command line is reported, too', async (t) => {
    const { code, comment } = await planned(t, account.tfvars, '--no-such-option');
    assert.equal(code, '1');
    assert.match(comment, /```json[^]*no-such-option/);
  });

  test('each of several proxies has its section', async (t) => {
    const more = 'proxies = { one = {}, two = { DBProxyName = "orders-2", vpc_id = "x" } }\n';
    const { code, comment } = await planned(t, account.tfvars + more);
    assert.equal(code, '1');
    assert.match(comment, /<summary>orders[^]*: Plan: [^]*<summary>two: Failed/);
  });
});
