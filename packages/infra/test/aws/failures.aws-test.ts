import assert from 'node:assert/strict';
import { after, afterEach, before, suite, test } from 'node:test';
import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { DescribeDBProxiesCommand } from '@aws-sdk/client-rds';
import { createClients, destroyClients } from '../../src/aws/clients.ts';
import { HealthWatch } from '../../src/apply/health-watch.ts';
import { readTargetHealth } from '../../src/apply/target-health.ts';
import { settle } from '../../src/apply/settle.ts';
import { runApply, runDestroy, runOutputs, runPlan } from '../../src/shell/index.ts';
import { region, startAccount, type EmulatedAccount } from './account.ts';
import { inputsFile, runCommand } from './command.ts';
import { withoutEmulator } from './emulator.ts';
import { FakeAws } from './fake/fake-aws.ts';

suite('failures of AWS', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;
  let fake: FakeAws;

  before(async () => {
    account = await startAccount();
    fake = await FakeAws.start(account.endpoint);
    process.env['AWS_ENDPOINT_URL'] = fake.endpoint;
  });

  afterEach(() => {
    fake.reset();
  });

  after(async () => {
    await fake.stop();
    await account.stop();
  });

  async function nothingIsThere(): Promise<void> {
    const { DBProxies = [] } = await account.clients.rds.send(new DescribeDBProxiesCommand({}));
    assert.deepEqual(DBProxies, []);
    const { Stacks = [] } = await account.clients.cloudFormation.send(
      new DescribeStacksCommand({}),
    );
    assert.deepEqual(
      Stacks.map((stack) => stack.StackName),
      [],
    );
  }

  for (const [code, status, detail] of [
    ['ExpiredToken', 403, /the AWS credentials have expired .* log in again/],
    ['InvalidClientTokenId', 403, /rejects the credentials, or there are none/],
  ] as const) {
    test(`${code}: one clear message, exit code 1, nothing created`, async (t) => {
      const file = await inputsFile(t, account.tfvars);
      for (const run of [runPlan, runApply, runOutputs, runDestroy]) {
        fake.fail('GetCallerIdentity', code, status);
        const { code: exit, out, err } = await runCommand(run, file);
        assert.equal(exit, 1);
        assert.equal(out, '');
        assert.match(err, detail);
        assert.equal(err.trim().split('\n').length, 1, err);
      }
      await nothingIsThere();
    });
  }

  test('another account: every command reports it, nothing created', async (t) => {
    const other = account.tfvars.replace('"123456789012"', '"210987654321"');
    const file = await inputsFile(t, other);
    for (const run of [runApply, runOutputs, runDestroy]) {
      const { code, err } = await runCommand(run, file);
      assert.equal(code, 1);
      assert.match(err, /belong to account 123456789012/);
    }
    const planned = await runCommand(runPlan, file);
    assert.equal(planned.code, 1);
    assert.match(planned.out, /✗ PF01/);
    await nothingIsThere();
  });

  test('missing resources: all reported at once, exit code 1, nothing created', async (t) => {
    const wrong = account.tfvars
      .replace('"orders"\nrds_proxy_role', '"ordrs"\nrds_proxy_role')
      .replace('"orders-proxy-role"', '"no-such-role"')
      .replace('"orders-database"', '"no-such-secret"');
    const file = await inputsFile(t, wrong);
    const { code, err } = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(code, 1);
    for (const check of ['PF02', 'PF08', 'PF10']) {
      assert.match(err, new RegExp(`error: ${check} `));
    }
    assert.match(err, /did you mean orders\?/);
    await nothingIsThere();
  });

  for (const [action, code, status, detail] of [
    [
      'CreateChangeSet',
      'AccessDenied',
      403,
      /is not allowed to call .*\(played by the fake: AccessDenied\)/,
    ],
    ['ExecuteChangeSet', 'ExpiredToken', 403, /the AWS credentials have expired .* log in again/],
  ] as const) {
    test(`${code} of ${action}: reported in plain words, nothing started, nothing left`, async (t) => {
      fake.fail(action, code, status);
      const file = await inputsFile(t, account.tfvars);
      const { code: exit, err } = await runCommand(runApply, file, { autoApprove: true });
      assert.equal(exit, 1);
      assert.match(err, detail);
      assert.match(
        err,
        /nothing was started, and the empty stack was removed|nothing was left behind/,
      );
      assert.doesNotMatch(err, /❌|rolled back/);
      fake.reset();
      await nothingIsThere();
    });
  }

  test('a failed call that every plan needs is named in the error', async (t) => {
    fake.fail('DescribeSubnets', 'UnauthorizedOperation', 403);
    const file = await inputsFile(t, account.tfvars);
    const applied = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(applied.code, 1);
    assert.match(
      applied.err,
      /nothing can be planned without this: the caller is not allowed to call ec2:DescribeSubnets/,
    );
    const planned = await runCommand(runPlan, file);
    assert.match(
      planned.out,
      /nothing can be planned without this: the caller is not allowed to call ec2:DescribeSubnets/,
    );
  });

  test('a response that is not from AWS is reported as such', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const { out } = await runCommand(runPlan, file);
    assert.match(out, /PF20 .*: what answered is not AWS’s API \(HTTP status \d+\)/);
    assert.doesNotMatch(out, /Deserialization|XML/);
  });

  test('a plan fails with each action that IAM denies to the role and the caller', async (t) => {
    fake.simulation(['secretsmanager:GetSecretValue', 'rds:CreateDBProxy']);
    const file = await inputsFile(t, account.tfvars);
    const denied = await runCommand(runPlan, file);
    assert.equal(denied.code, 1);
    assert.match(denied.out, /✗ PF09 .*secretsmanager:GetSecretValue on .*: implicitDeny/);
    assert.match(denied.out, /✗ PF20 .*rds:CreateDBProxy on .*: implicitDeny/);
    fake.simulation([]);
    const allowed = await runCommand(runPlan, file);
    assert.equal(allowed.code, 0, allowed.out);
    assert.match(allowed.out, /✓ PF09 .*\n(?:.*\n)*.*✓ PF20/);
  });

  test('destroy removes a saved plan that was never applied', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const saved = `${file}.plan.json`;
    assert.equal((await runCommand(runPlan, file, { save: saved })).code, 0);
    const outputs = await runCommand(runOutputs, file);
    assert.match(outputs.err, /nothing is deployed/);
    const beside = await runCommand(runApply, file, {}, [saved]);
    assert.equal(beside.code, 1);
    assert.match(beside.err, /a saved plan contains its inputs/);
    const { code, out, err } = await runCommand(runDestroy, file, {
      confirm: 'orders',
      force: true,
    });
    assert.equal(code, 0, err);
    assert.match(out, /removed the stack/);
    await nothingIsThere();
  });

  test('with --json the failure is JSON', async (t) => {
    fake.fail('GetCallerIdentity', 'ExpiredToken', 403);
    const file = await inputsFile(t, account.tfvars);
    const { out } = await runCommand(runPlan, file, { json: true });
    assert.equal((JSON.parse(out) as { error: { code: string } }).error.code, 'AWS_CREDENTIALS');
  });

  test('a throttled call is retried', async (t) => {
    fake.fail('DescribeDBInstances', 'Throttling', 400, 2);
    const file = await inputsFile(t, account.tfvars);
    const { code, out } = await runCommand(runPlan, file);
    assert.equal(code, 0, out);
    assert.ok(fake.calls.filter((action) => action === 'DescribeDBInstances').length >= 3);
  });

  test('a check whose call is denied is skipped', async (t) => {
    fake.fail('GetRole', 'AccessDenied', 403);
    const file = await inputsFile(t, account.tfvars);
    const { out } = await runCommand(runPlan, file);
    assert.match(out, /- PF08 role: the caller is not allowed to call iam:GetRole/);
  });

  test('a failed creation is rolled back, reported in plain words, and leaves nothing behind', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    fake.rollBack(
      'sluice-orders',
      'AWS::RDS::DBProxyTargetGroup',
      'ProxyTargetGroup28CC3B85',
      'Timed out waiting for target group to become available',
    );
    const { code, err } = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(code, 1);
    assert.match(
      err,
      /error: the deployment of sluice-orders failed at AWS::RDS::DBProxyTargetGroup .*: Timed out/,
    );
    assert.match(err, /nothing was left behind/);
    await nothingIsThere();
  });

  test('a failed change keeps what was deployed, and says so', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    assert.equal((await runCommand(runApply, file, { autoApprove: true })).code, 0);
    const changed = await inputsFile(t, `${account.tfvars}IdleClientTimeout = 60\n`);
    fake.rollBack('sluice-orders', 'AWS::RDS::DBProxy', 'ProxyCB0DFB71', 'InvalidDBProxyState');
    fake.targetHealth('UNAVAILABLE', 'AUTH_FAILURE');
    const { code, err } = await runCommand(runApply, changed, { autoApprove: true });
    assert.equal(code, 1);
    assert.match(err, /failed at AWS::RDS::DBProxy ProxyCB0DFB71: InvalidDBProxyState/);
    assert.match(err, /target orders is UNAVAILABLE \(AUTH_FAILURE\) - fix: .*PF09/);
    assert.match(err, /what was deployed before \(rds-proxy\) is unchanged/);
    fake.reset();
    const { DBProxies = [] } = await account.clients.rds.send(new DescribeDBProxiesCommand({}));
    assert.equal(DBProxies[0]?.IdleClientTimeout, 1800);
  });

  test('an interrupted apply is resumed', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const clients = createClients({ region, endpoint: fake.endpoint });
    t.after(() => destroyClients(clients));
    fake.busy('UPDATE_IN_PROGRESS', 2);
    const lines: string[] = [];
    await settle(clients, 'sluice-orders', (line) => lines.push(line), 1);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /sluice-orders is UPDATE_IN_PROGRESS; waiting for it/);
    fake.reset();
    const { code, err } = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(code, 0, err);
    assert.match(err, /no changes/);
  });

  test('the remains of a failed creation do not count as deployed', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    fake.busy('ROLLBACK_COMPLETE', Infinity);
    const { code, out } = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(code, 2, out);
    assert.match(out, /! PF19 .*ROLLBACK_COMPLETE: an earlier creation failed/);
    assert.match(out, /\+ AWS::RDS::DBProxy .*\(orders\)/);
    assert.match((await runCommand(runOutputs, file)).err, /nothing is deployed/);
  });

  for (const [reason, fix] of [
    ['UNREACHABLE', /PF07/],
    ['CONNECTION_FAILED', /PF12/],
    ['AUTH_FAILURE', /PF10/],
    ['PENDING_PROXY_CAPACITY', /wait/],
  ] as const) {
    test(`a target that is unavailable for ${reason} is reported once, with its fix`, async (t) => {
      fake.targetHealth('UNAVAILABLE', reason);
      const clients = createClients({ region, endpoint: fake.endpoint });
      t.after(() => destroyClients(clients));
      const lines: string[] = [];
      const detail = Promise.withResolvers<undefined>();
      let looks = 0;
      const watch = new HealthWatch({
        read: async () => {
          const seen = await readTargetHealth(clients, 'orders');
          looks += 1;
          if (looks === 3) {
            detail.resolve(undefined);
          }
          return seen;
        },
        note: (line) => lines.push(line),
        interval: 1,
      });
      await detail.promise;
      await watch.stop();
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.match(lines[0] ?? '', new RegExp(`target orders is UNAVAILABLE \\(${reason}\\)`));
      assert.match(lines[0] ?? '', fix);
      assert.equal(watch.unhealthy().length, 1);
    });
  }

  test('a proxy in a transitional state is shown as it is', async (t) => {
    fake.proxyStatus('modifying');
    const file = await inputsFile(t, account.tfvars);
    const { out } = await runCommand(runPlan, file);
    assert.match(out, /this stack’s own proxy \(modifying\)/);
  });
});
