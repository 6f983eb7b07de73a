import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { fillAccount, leaveAccount, type Account } from './account.ts';
import { inputsFile } from './command.ts';
import { startEmulator, withoutEmulator, type Emulator } from './emulator.ts';

const run = promisify(execFile);
const sluice = join(import.meta.dirname, '../../../cli/bin/sluice.js');

suite('the sluice command against the emulator', { skip: withoutEmulator }, () => {
  let emulator: Emulator;
  let account: Account;

  before(async () => {
    emulator = await startEmulator(true);
    account = await fillAccount(emulator.endpoint);
  });

  after(async () => {
    leaveAccount(account);
    await emulator.stop();
  });

  test('plan takes files and flags as typed, and is quick', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const started = performance.now();
    const { stdout } = await run(process.execPath, [
      sluice,
      'plan',
      '--inputs',
      file,
      '--var',
      'IdleClientTimeout=60',
      '--rds-proxy-tags',
      '{ Team = "flag" }',
      '--json',
    ]);
    const seconds = (performance.now() - started) / 1000;
    const plan = JSON.parse(stdout) as {
      verdict: string;
      checks: unknown[];
      origins: Record<string, string>;
    };
    assert.equal(plan.verdict, 'changes');
    assert.equal(plan.checks.length, 20);
    assert.equal(plan.origins['IdleClientTimeout'], '--var IdleClientTimeout');
    assert.equal(plan.origins['rds_proxy_tags'], '--rds-proxy-tags');
    t.diagnostic(`${seconds.toFixed(1)} s`);
    // A bound against mistakes such as a call that is tried again and again; a busy machine is slower.
    assert.ok(seconds < 15, `${seconds} s`);
  });

  test('a terraform.tfvars in the current folder is found by itself', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const { stdout } = await run(process.execPath, [sluice, 'plan'], { cwd: dirname(file) });
    assert.match(stdout, /Run sluice apply/);
  });

  test('a wrong flag is one line and exit code 1', async () => {
    await assert.rejects(run(process.execPath, [sluice, 'plan', '--var', 'x']), {
      code: 1,
      stderr: /name, an equals sign and a value/,
    });
  });
});
