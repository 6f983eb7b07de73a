import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join, dirname } from 'node:path';
import { suite, test, before, after } from 'node:test';
import {
  DescribeDBInstancesCommand,
  DescribeDBProxiesCommand,
  DescribeDBProxyTargetGroupsCommand,
  DescribeDBProxyTargetsCommand,
  ModifyDBProxyTargetGroupCommand,
} from '@aws-sdk/client-rds';
import { DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeSecurityGroupsCommand } from '@aws-sdk/client-ec2';
import { GetRoleCommand } from '@aws-sdk/client-iam';
import { DescribeSecretCommand } from '@aws-sdk/client-secrets-manager';
import { runApply, runDestroy, runDrift, runOutputs, runPlan } from '../../src/shell/index.ts';
import { accountId, region, startAccount, type EmulatedAccount } from './account.ts';
import { inputsFile, runCommand } from './command.ts';
import { withoutEmulator } from './emulator.ts';

suite('the managed proxy, from plan to destroy', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;

  before(async () => {
    account = await startAccount();
  });

  after(async () => {
    await account.stop();
  });

  async function proxies(): Promise<string[]> {
    const { DBProxies = [] } = await account.clients.rds.send(new DescribeDBProxiesCommand({}));
    return DBProxies.map((proxy) => proxy.DBProxyName ?? '');
  }

  test('apply creates the proxy, the target and the log group, and prints the outputs', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const { code, out, err } = await runCommand(runApply, file, { autoApprove: true, json: true });
    assert.equal(code, 0, err);
    const { changed, outputs } = JSON.parse(out) as { changed: boolean; outputs: unknown };
    assert.equal(changed, true);

    const { DBProxies = [] } = await account.clients.rds.send(
      new DescribeDBProxiesCommand({ DBProxyName: 'orders' }),
    );
    const [proxy] = DBProxies;
    assert.equal(proxy?.RequireTLS, true);
    assert.equal(proxy?.IdleClientTimeout, 1800);
    assert.equal(proxy?.DebugLogging, false);
    assert.equal(proxy?.RoleArn, account.roleArn);
    assert.deepEqual(proxy?.VpcSubnetIds, account.subnetIds.slice(0, 2).toSorted());
    assert.deepEqual(proxy?.VpcSecurityGroupIds, [account.proxyGroupId]);
    assert.equal(proxy?.Auth?.[0]?.SecretArn, account.secretArn);
    assert.equal(proxy?.Auth?.[0]?.IAMAuth, 'DISABLED');
    const { TargetGroups = [] } = await account.clients.rds.send(
      new DescribeDBProxyTargetGroupsCommand({ DBProxyName: 'orders' }),
    );
    const pool = TargetGroups[0]?.ConnectionPoolConfig;
    assert.equal(pool?.MaxConnectionsPercent, 100);
    assert.equal(pool?.MaxIdleConnectionsPercent, 50);
    assert.equal(pool?.ConnectionBorrowTimeout, 120);
    const { Targets = [] } = await account.clients.rds.send(
      new DescribeDBProxyTargetsCommand({ DBProxyName: 'orders' }),
    );
    assert.deepEqual(
      Targets.map((target) => target.RdsResourceId),
      ['orders'],
    );
    const { logGroups = [] } = await account.clients.logs.send(
      new DescribeLogGroupsCommand({ logGroupNamePrefix: '/aws/rds/proxy/orders' }),
    );
    assert.equal(logGroups[0]?.retentionInDays, 90);
    assert.deepEqual(outputs, {
      rds_proxy_endpoint: proxy?.Endpoint,
      rds_proxy_port: '5432',
      rds_proxy_arn: proxy?.DBProxyArn,
      rds_proxy_resource_id: proxy?.DBProxyArn?.split(':')[6],
      rds_proxy_connect_arn: `arn:aws:rds-db:${region}:${accountId}:dbuser:${proxy?.DBProxyArn?.split(':')[6]}/*`,
      rds_proxy_endpoints: {},
      rds_proxy_subnet_ids: account.subnetIds.slice(0, 2).toSorted(),
      rds_proxy_role_arn: account.roleArn,
      rds_security_group_ids: [account.proxyGroupId],
      rds_secret_arn: account.secretArn,
    });
    assert.match(err, /add +AWS::RDS::DBProxy .*usually/);
  });

  test('a second plan is empty, and a second apply does nothing', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const planned = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(planned.code, 0, planned.out);
    assert.match(planned.out, /Changes: none/);
    const applied = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(applied.code, 0);
    assert.match(applied.err, /no changes/);
  });

  test('outputs prints them again', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const { code, out } = await runCommand(runOutputs, file);
    assert.equal(code, 0);
    assert.match(out, /^rds_proxy_endpoint = "orders\.db-proxy-/);
    assert.match(out, new RegExp(`rds_secret_arn = "${account.secretArn}"`));
  });

  test('a changed input is planned as a change that keeps the endpoint, and applied', async (t) => {
    const file = await inputsFile(
      t,
      `${account.tfvars}MaxConnectionsPercent = 80\nIdleClientTimeout = 900\nLogRetentionInDays = 30\n`,
    );
    const planned = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(planned.code, 2);
    assert.match(planned.out, /IdleClientTimeout: 1800 -> 900/);
    assert.match(planned.out, /the endpoint stays orders\.db-proxy-/);
    const applied = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(applied.code, 0, applied.err);
    const { DBProxies = [] } = await account.clients.rds.send(new DescribeDBProxiesCommand({}));
    assert.equal(DBProxies[0]?.IdleClientTimeout, 900);
    const { TargetGroups = [] } = await account.clients.rds.send(
      new DescribeDBProxyTargetGroupsCommand({ DBProxyName: 'orders' }),
    );
    assert.equal(TargetGroups[0]?.ConnectionPoolConfig?.MaxConnectionsPercent, 80);
  });

  test('a saved plan is applied as it was reviewed, once', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const saved = join(dirname(file), 'saved.json');
    const planned = await runCommand(runPlan, file, { save: saved });
    assert.equal(planned.code, 0, planned.err);
    assert.equal((JSON.parse(await readFile(saved, 'utf8')) as { proxy: string }).proxy, 'orders');
    const before = await account.clients.rds.send(new DescribeDBProxiesCommand({}));
    assert.equal(before.DBProxies?.[0]?.IdleClientTimeout, 900, 'saving changes nothing');
    const applied = await runCommand(runApply, undefined, {}, [saved]);
    assert.equal(applied.code, 0, applied.err);
    const after = await account.clients.rds.send(new DescribeDBProxiesCommand({}));
    assert.equal(after.DBProxies?.[0]?.IdleClientTimeout, 1800);
    const again = await runCommand(runApply, undefined, {}, [saved]);
    assert.equal(again.code, 1);
    assert.match(again.err, /cannot be applied|is gone/);
    const nothing = await runCommand(runPlan, file, { save: saved });
    assert.equal(nothing.code, 0);
    assert.match(nothing.err, /nothing was saved/);
  });

  test('drift names what was changed outside the tool', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const clean = await runCommand(runDrift, file, { detailedExitcode: true });
    assert.equal(clean.code, 0, clean.out);
    await account.clients.rds.send(
      new ModifyDBProxyTargetGroupCommand({
        DBProxyName: 'orders',
        TargetGroupName: 'default',
        ConnectionPoolConfig: { MaxConnectionsPercent: 33, MaxIdleConnectionsPercent: 10 },
      }),
    );
    const found = await runCommand(runDrift, file, { detailedExitcode: true });
    assert.equal(found.code, 2);
    assert.match(found.out, /"MaxConnectionsPercent":100.* now .*"MaxConnectionsPercent":33/);
    const planned = await runCommand(runPlan, file);
    assert.match(planned.out, /Drift: changed outside Sluice/);
    await account.clients.rds.send(
      new ModifyDBProxyTargetGroupCommand({
        DBProxyName: 'orders',
        TargetGroupName: 'default',
        ConnectionPoolConfig: { MaxConnectionsPercent: 100, MaxIdleConnectionsPercent: 50 },
      }),
    );
  });

  test('another subnet filter keeps the proxy in its subnets, unless --replace is given', async (t) => {
    const other = account.tfvars.replace('Name = "private"', 'Tier = "inner"');
    await account.tagSubnets({ Tier: 'inner' });
    const file = await inputsFile(t, other);
    const kept = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(kept.code, 0, kept.out);
    assert.match(kept.out, /--replace makes a new proxy there, WITH A NEW ENDPOINT NAME/);
    const planned = await runCommand(runPlan, file, { replace: true, detailedExitcode: true });
    assert.equal(planned.code, 2);
    assert.match(planned.out, /THE ENDPOINT CHANGES ITS NAME: orders\.db-proxy-/);
    const applied = await runCommand(runApply, file, {
      autoApprove: true,
      replace: true,
      force: true,
    });
    assert.equal(applied.code, 0, applied.err);
    const names = await proxies();
    assert.equal(names.length, 1);
    assert.match(names[0] ?? '', /^orders-[0-9a-f]{6}$/);
    const { Targets = [] } = await account.clients.rds.send(
      new DescribeDBProxyTargetsCommand({ DBProxyName: names[0] }),
    );
    assert.equal(Targets.length, 1, 'the new proxy has its target');
    const again = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(again.code, 0, again.out);
  });

  test('destroy needs the name, refuses while clients are connected, and keeps existing resources', async (t) => {
    const file = await inputsFile(t, account.tfvars);
    const [name = ''] = await proxies();
    const unnamed = await runCommand(runDestroy, file);
    assert.equal(unnamed.code, 1);
    assert.match(unnamed.err, new RegExp(`use --confirm ${name}`));
    await account.clients.cloudWatch.send(
      new PutMetricDataCommand({
        Namespace: 'AWS/RDS',
        MetricData: [
          {
            MetricName: 'ClientConnections',
            Dimensions: [{ Name: 'ProxyName', Value: name }],
            // CloudWatch omits the current second.
            Timestamp: new Date(Date.now() - 60_000),
            Value: 7,
          },
        ],
      }),
    );
    const connected = await runCommand(runDestroy, file, { confirm: name });
    assert.equal(connected.code, 1, connected.err);
    assert.match(connected.err, /7 clients were connected/);
    assert.deepEqual(await proxies(), [name]);

    const { code, err } = await runCommand(runDestroy, file, { confirm: name, force: true });
    assert.equal(code, 0, err);
    assert.deepEqual(await proxies(), []);
    const { logGroups = [] } = await account.clients.logs.send(new DescribeLogGroupsCommand({}));
    assert.deepEqual(
      logGroups.map((group) => group.logGroupName),
      ['/aws/rds/proxy/orders', `/aws/rds/proxy/${name}`],
      'logs are kept',
    );
    const { DBInstances = [] } = await account.clients.rds.send(new DescribeDBInstancesCommand({}));
    assert.equal(DBInstances.length, 1);
    await account.clients.iam.send(new GetRoleCommand({ RoleName: 'orders-proxy-role' }));
    const secret = await account.clients.secrets.send(
      new DescribeSecretCommand({ SecretId: account.secretArn }),
    );
    assert.equal(secret.DeletedDate, undefined);
    const groups = await account.clients.ec2.send(
      new DescribeSecurityGroupsCommand({
        GroupIds: [account.proxyGroupId, account.databaseGroupId],
      }),
    );
    assert.deepEqual(
      groups.SecurityGroups?.map((group) => group.IpPermissions?.length),
      [1, 1],
      'with their rules',
    );
    const gone = await runCommand(runOutputs, file);
    assert.equal(gone.code, 1);
    assert.match(gone.err, /nothing is deployed/);
  });
});
