import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { runPlan } from '../../src/shell/run-plan.ts';
import { startAccount, type EmulatedAccount } from './account.ts';
import { inputsFile, runCommand } from './command.ts';
import { withoutEmulator } from './emulator.ts';

suite('plan on unmodified moto', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;

  before(async () => {
    account = await startAccount(true);
  });

  after(async () => {
    await account.stop();
  });

  test('the nine inputs of the original project are planned', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const { code, out, err } = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(err, '');
    assert.match(out, /\+ AWS::RDS::DBProxy /);
    assert.equal(code, 2);
  });
});
