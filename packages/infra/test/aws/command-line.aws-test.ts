import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { checks } from '../../src/preflight/run.ts';
import { startAccount, type EmulatedAccount } from './account.ts';
import { inputsFile } from './command.ts';
import { withoutEmulator } from './emulator.ts';

const run = promisify(execFile);
const sluice = join(import.meta.dirname, '../../../cli/bin/sluice.js');

/** The longest time that a plan may take on a busy machine, in seconds. */
const longest = 15;

suite('the sluice command against the emulator', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;

  before(async () => {
    account = await startAccount(true);
  });

  after(async () => {
    await account.stop();
  });

  test('plan accepts files and flags in the order in which they are typed, and is quick', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const words = [
      ...['aws', 'plan', '--inputs', file, '--var', 'IdleClientTimeout=60'],
      ...['--rds-proxy-tags', '{ Team = "flag" }', '--json'],
    ];
    let stdout = '';
    let seconds = Infinity;
    // It takes two seconds on an idle machine. Other tests run at the same time, so the best of three counts.
    for (let tries = 0; tries < 3 && seconds > longest; tries += 1) {
      const started = performance.now();
      ({ stdout } = await run(process.execPath, [sluice, ...words]));
      seconds = Math.min(seconds, (performance.now() - started) / 1000);
    }
    const plan = JSON.parse(stdout) as {
      verdict: string;
      checks: unknown[];
      origins: Record<string, string>;
    };
    assert.equal(plan.verdict, 'changes');
    assert.equal(plan.checks.length, checks.length);
    assert.equal(plan.origins['IdleClientTimeout'], '--var IdleClientTimeout');
    assert.equal(plan.origins['rds_proxy_tags'], '--rds-proxy-tags');
    t.diagnostic(`${seconds.toFixed(1)} s`);
    assert.ok(seconds <= longest, `${seconds} s`);
  });

  test('a terraform.tfvars in the current folder is found automatically', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const { stdout } = await run(process.execPath, [sluice, 'aws', 'plan'], { cwd: dirname(file) });
    assert.match(stdout, /Run sluice aws apply/);
  });

  test('a wrong flag is one line and exit code 1', async () => {
    await assert.rejects(run(process.execPath, [sluice, 'aws', 'plan', '--var', 'x']), {
      code: 1,
      stderr: /name, an equals sign and a value/,
    });
  });
});
