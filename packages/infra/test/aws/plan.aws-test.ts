import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { runPlan } from '../../src/shell/run-plan.ts';
import { fillAccount, leaveAccount, type Account } from './account.ts';
import { inputsFile, runCommand } from './command.ts';
import { startEmulator, withoutEmulator, type Emulator } from './emulator.ts';

suite('plan on moto as it comes', { skip: withoutEmulator }, () => {
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

  test('the nine inputs of the original project are planned', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const { code, out, err } = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(err, '');
    assert.match(out, /\+ AWS::RDS::DBProxy /);
    assert.equal(code, 2);
  });
});
