import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, afterEach, before, suite, test } from 'node:test';
import { readStack } from '../../src/resolve/deployed.ts';
import { runApply, runDestroy, runPlan } from '../../src/shell/index.ts';
import { accountId, region, startAccount, type EmulatedAccount } from './account.ts';
import { inputsFile, runCommand } from './command.ts';
import { withoutEmulator } from './emulator.ts';
import { FakeAws } from './fake/fake-aws.ts';

suite('whose permissions are used, and what protects a stack', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;
  let fake: FakeAws;

  before(async () => {
    account = await startAccount();
    fake = await FakeAws.start(account.endpoint);
    process.env['AWS_ENDPOINT_URL'] = fake.endpoint;
  });

  afterEach(() => fake.reset());

  after(async () => {
    await fake.stop();
    await account.stop();
  });

  test('CloudFormation gets its role for every change, and for the removal', async (t) => {
    const role = `arn:aws:iam::${accountId}:role/cloudformation`;
    const file = await inputsFile(t, `${account.tfvars}CloudFormationRoleArn = "${role}"\n`);
    fake.simulation([]);
    const applied = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(applied.code, 0, applied.err);
    assert.equal(fake.parameters.get('CreateChangeSet')?.get('RoleARN'), role);
    assert.ok(
      fake.simulated.some(({ source }) => source === role),
      'it is the role whose rights are checked',
    );
    const destroyed = await runCommand(runDestroy, file, { confirm: 'orders', force: true });
    assert.equal(destroyed.code, 0, destroyed.err);
    assert.equal(fake.parameters.get('DeleteStack')?.get('RoleARN'), role);
  });

  test('a role is assumed for every call, also for those of the toolkit', async (t) => {
    const role = `arn:aws:iam::${accountId}:role/deploy`;
    const file = await inputsFile(t, `${account.tfvars}AssumeRoleArn = "${role}"\n`);
    const applied = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(applied.code, 0, applied.err);
    assert.equal(fake.parameters.get('AssumeRole')?.get('RoleArn'), role);
    const keys = [...fake.accessKeys].filter((key) => key !== 'testing');
    assert.equal(keys.length, 1, [...fake.accessKeys].join());
    fake.accessKeys.clear();
    const destroyed = await runCommand(runDestroy, file, { confirm: 'orders', force: true });
    assert.equal(destroyed.code, 0, destroyed.err);
    assert.ok(fake.calls.includes('DeleteStack'));
  });

  test('a saved plan is applied with the role with which it was made', async (t) => {
    const role = `arn:aws:iam::${accountId}:role/deploy`;
    const file = await inputsFile(t, `${account.tfvars}AssumeRoleArn = "${role}"\n`);
    const saved = join(dirname(file), 'plan.json');
    const planned = await runCommand(runPlan, file, { save: saved });
    assert.equal(planned.code, 0, planned.out + planned.err);
    fake.accessKeys.clear();
    fake.parameters.clear();
    const applied = await runCommand(runApply, undefined, {}, [saved]);
    assert.equal(applied.code, 0, applied.err);
    assert.equal(fake.parameters.get('AssumeRole')?.get('RoleArn'), role);
    const destroyed = await runCommand(runDestroy, file, { confirm: 'orders', force: true });
    assert.equal(destroyed.code, 0, destroyed.err);
  });

  test('a profile overrides the environment', async (t) => {
    const file = await inputsFile(t, `${account.tfvars}AwsProfile = "platform"\n`);
    const credentials = join(dirname(file), 'credentials');
    await writeFile(
      credentials,
      '[platform]\naws_access_key_id = platformkey\naws_secret_access_key = x\n',
    );
    process.env['AWS_SHARED_CREDENTIALS_FILE'] = credentials;
    t.after(() => delete process.env['AWS_SHARED_CREDENTIALS_FILE']);
    const planned = await runCommand(runPlan, file);
    assert.equal(planned.code, 0, planned.err);
    assert.deepEqual([...fake.accessKeys], ['platformkey']);
  });

  test('a protected stack is not destroyed until the protection is lifted', async (t) => {
    fake.protection();
    const file = await inputsFile(t, `${account.tfvars}TerminationProtection = true\n`);
    const applied = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(applied.code, 0, applied.err);
    const more = await inputsFile(
      t,
      `${account.tfvars}TerminationProtection = true\nIdleClientTimeout = 60\n`,
    );
    const reviewed = join(dirname(more), 'plan.json');
    assert.equal((await runCommand(runPlan, more, { save: reviewed })).code, 0);
    const made = await runCommand(runApply, undefined, {}, [reviewed]);
    assert.equal(made.code, 0, made.err);
    const refused = await runCommand(runDestroy, file, { confirm: 'orders', force: true });
    assert.equal(refused.code, 1);
    assert.match(refused.err, /sluice-orders is protected \(TerminationProtection\)/);
    const lifted = await inputsFile(t, `${account.tfvars}IdleClientTimeout = 60\n`);
    const saved = join(dirname(lifted), 'plan.json');
    const planned = await runCommand(runPlan, lifted, { save: saved, detailedExitcode: true });
    assert.equal(planned.code, 2, planned.out + planned.err);
    assert.match(planned.out, /~ AWS::CloudFormation::Stack sluice-orders/);
    assert.match(planned.out, /TerminationProtection: true -> false/);
    const still = await runCommand(runPlan, more, { detailedExitcode: true });
    assert.equal(still.code, 0, 'a plan that waits changes nothing');
    const changed = await runCommand(runApply, lifted, { autoApprove: true });
    assert.equal(changed.code, 0, changed.err);
    assert.equal((await runCommand(runPlan, lifted, { detailedExitcode: true })).code, 0);
    const destroyed = await runCommand(runDestroy, lifted, { confirm: 'orders', force: true });
    assert.equal(destroyed.code, 0, destroyed.err);
  });

  test('CloudFormation publishes its events to topics, which can change alone', async (t) => {
    const topic = (name: string): string => `arn:aws:sns:${region}:${accountId}:${name}`;
    for (const topics of [[topic('stacks')], [topic('stacks'), topic('more')], []]) {
      const file = await inputsFile(
        t,
        `${account.tfvars}StackTopicArns = ${JSON.stringify(topics)}\n`,
      );
      const applied = await runCommand(runApply, file, { autoApprove: true });
      assert.equal(applied.code, 0, applied.err);
      const stack = await readStack(account.clients, 'sluice-orders');
      assert.deepEqual(stack?.topics?.toSorted(), topics.toSorted());
      const again = await runCommand(runPlan, file, { detailedExitcode: true });
      assert.equal(again.code, 0, again.out);
    }
    const file = await inputsFile(t, account.tfvars);
    const gone = await runCommand(runDestroy, file, { confirm: 'orders', force: true });
    assert.equal(gone.code, 0, gone.err);
  });

  test('a change of the stack’s tags alone is a change, also in a saved plan', async (t) => {
    const plain = await inputsFile(t, account.tfvars);
    assert.equal((await runCommand(runApply, plain, { autoApprove: true })).code, 0);
    for (const [value, apply] of [
      ['42', async (file: string) => runCommand(runApply, file, { autoApprove: true })],
      [
        '43',
        async (file: string) => {
          const saved = join(dirname(file), 'plan.json');
          assert.equal((await runCommand(runPlan, file, { save: saved })).code, 0);
          return runCommand(runApply, undefined, {}, [saved]);
        },
      ],
    ] as const) {
      const file = await inputsFile(
        t,
        `${account.tfvars}StackTags = { CostCentre = "${value}" }\n`,
      );
      const planned = await runCommand(runPlan, file, { detailedExitcode: true });
      assert.equal(planned.code, 2, planned.out);
      assert.match(planned.out, new RegExp(`Tags.*${value}`));
      const applied = await apply(file);
      assert.equal(applied.code, 0, applied.err);
      const again = await runCommand(runPlan, file, { detailedExitcode: true });
      assert.equal(again.code, 0, again.out);
    }
    const gone = await runCommand(runDestroy, plain, { confirm: 'orders', force: true });
    assert.equal(gone.code, 0, gone.err);
  });

  test('retained resources stay when their stack is deleted', async (t) => {
    const file = await inputsFile(
      t,
      `${account.tfvars}RetainOnDelete = true\nStackTags = { CostCentre = "42" }\n`,
    );
    const applied = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(applied.code, 0, applied.err);
    assert.match(String(fake.parameters.get('CreateChangeSet')), /CostCentre/);
    const destroyed = await runCommand(runDestroy, file, { confirm: 'orders' });
    assert.equal(destroyed.code, 0, destroyed.err);
    assert.match(destroyed.err, /every resource stays/);
    const planned = await runCommand(runPlan, file);
    assert.match(planned.out, /✗ PF14 .*orders exists/);
  });
});
