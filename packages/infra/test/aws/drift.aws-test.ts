import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { RegisterScalableTargetCommand } from '@aws-sdk/client-application-auto-scaling';
import {
  DeleteAlarmsCommand,
  DescribeAlarmsCommand,
  PutDashboardCommand,
} from '@aws-sdk/client-cloudwatch';
import { DeleteLogGroupCommand, PutRetentionPolicyCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  AuthorizeSecurityGroupIngressCommand,
  DescribeSecurityGroupsCommand,
  RevokeSecurityGroupIngressCommand,
} from '@aws-sdk/client-ec2';
import {
  DescribeLoadBalancersCommand,
  DescribeTargetGroupsCommand,
  ModifyLoadBalancerAttributesCommand,
  ModifyTargetGroupAttributesCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { DetachRolePolicyCommand, ListAttachedRolePoliciesCommand } from '@aws-sdk/client-iam';
import {
  DeleteDBProxyEndpointCommand,
  ModifyDBProxyCommand,
  ModifyDBProxyEndpointCommand,
} from '@aws-sdk/client-rds';
import { runApply, runDestroy, runDrift, runPlan } from '../../src/shell/index.ts';
import { startAccount, type EmulatedAccount } from './account.ts';
import { inputsFile, runCommand } from './command.ts';
import { withoutEmulator } from './emulator.ts';

interface Document {
  readonly drift: readonly {
    readonly type: string;
    readonly property: string;
    readonly live: string;
  }[];
  readonly unread: readonly string[];
}

suite('drift of everything that the stack created', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;
  let managed: string;

  before(async () => {
    account = await startAccount();
    managed = `${account.tfvars}engine  = "rds-proxy"
CreateRole = true
CreateSecurityGroup     = true
AllowDatabaseIngress    = true
ClientCidrs             = ["10.20.0.0/16"]
DBProxyEndpoints        = [{ DBProxyEndpointName = "orders-second" }, { DBProxyEndpointName = "orders-third" }]
`
      .replace('orders-proxy-role', 'orders-made-role')
      .replace('"orders-proxy"', '"orders-made"');
  });

  after(async () => {
    await account.stop();
  });

  async function drift(file: string): Promise<string[]> {
    const { out, err } = await runCommand(runDrift, file, { json: true });
    assert.equal(err, '');
    const document = JSON.parse(out) as Document;
    assert.deepEqual(document.unread, []);
    return document.drift
      .map(({ type, property, live }) => `${type} ${property === '' ? live : property}`)
      .sort();
  }

  /** Plan reports drift, apply reverts it, and then there is none. */
  async function isRestored(file: string, count: number): Promise<void> {
    const planned = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(planned.code, 2, planned.out);
    assert.match(planned.out, /Drift only: run sluice aws apply/);
    assert.doesNotMatch(planned.out, /No changes/);
    assert.match(planned.out, new RegExp(`; ${count} drifted properties to restore\\.`));
    const refused = await runCommand(runApply, file);
    assert.equal(refused.code, 1, 'restoring is asked for, too');
    const { code, err, out } = await runCommand(runApply, file, { autoApprove: true, json: true });
    assert.equal(code, 0, err);
    const { restored, changed } = JSON.parse(out) as { restored: unknown[]; changed: boolean };
    assert.equal(changed, false);
    assert.equal(restored.length, count);
    assert.equal(err.match(/restored AWS::/g)?.length, count, err);
    assert.deepEqual(await drift(file), []);
    const again = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(again.code, 0, again.out);
  }

  test('of the managed proxy: endpoints, groups, rules, role, logs', async (t) => {
    const { rds, ec2, iam, logs } = account.clients;
    const file = await inputsFile(t, managed);
    const applied = await runCommand(runApply, file, {
      autoApprove: true,
      replace: true,
      force: true,
    });
    assert.equal(applied.code, 0, applied.err);
    assert.deepEqual(await drift(file), []);

    const { SecurityGroups = [] } = await ec2.send(
      new DescribeSecurityGroupsCommand({
        Filters: [{ Name: 'description', Values: ['Clients of the proxy orders'] }],
      }),
    );
    const own = SecurityGroups[0]?.GroupId ?? '';
    await rds.send(new ModifyDBProxyCommand({ DBProxyName: 'orders', RequireTLS: false }));
    await rds.send(
      new ModifyDBProxyEndpointCommand({
        DBProxyEndpointName: 'orders-second',
        VpcSecurityGroupIds: [account.proxyGroupId],
      }),
    );
    await rds.send(new DeleteDBProxyEndpointCommand({ DBProxyEndpointName: 'orders-third' }));
    await ec2.send(
      new AuthorizeSecurityGroupIngressCommand({
        GroupId: own,
        IpPermissions: [
          { IpProtocol: 'tcp', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '0.0.0.0/0' }] },
        ],
      }),
    );
    await ec2.send(
      new RevokeSecurityGroupIngressCommand({
        GroupId: account.databaseGroupId,
        IpPermissions: [
          {
            IpProtocol: 'tcp',
            FromPort: 5432,
            ToPort: 5432,
            UserIdGroupPairs: [{ GroupId: own }],
          },
        ],
      }),
    );
    const role = { RoleName: 'orders-made-role' };
    const { AttachedPolicies = [] } = await iam.send(new ListAttachedRolePoliciesCommand(role));
    await iam.send(
      new DetachRolePolicyCommand({ ...role, PolicyArn: AttachedPolicies[0]?.PolicyArn }),
    );
    await logs.send(
      new PutRetentionPolicyCommand({
        logGroupName: '/aws/rds/proxy/orders',
        retentionInDays: 1,
      }),
    );
    assert.deepEqual(await drift(file), [
      'AWS::EC2::SecurityGroup SecurityGroupIngress',
      'AWS::EC2::SecurityGroupIngress gone',
      'AWS::IAM::Role ManagedPolicyArns',
      'AWS::Logs::LogGroup RetentionInDays',
      'AWS::RDS::DBProxy RequireTLS',
      'AWS::RDS::DBProxyEndpoint VpcSecurityGroupIds',
      'AWS::RDS::DBProxyEndpoint gone',
    ]);
    const shown = await runCommand(runDrift, file);
    assert.match(shown.out, /applied \["tcp 5432 from 10.*now \[.*"tcp 22 from 0\.0\.0\.0\/0"/);
    await isRestored(file, 7);
  });

  test('of Sluice: load balancer, autoscaling, alarms, dashboard, logs', async (t) => {
    const { elb, scaling, cloudWatch, logs } = account.clients;
    const file = await inputsFile(
      t,
      `${account.tfvars}engine = "sluice"
ContainerImage = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice:0.1.0"
TlsSecretName  = "orders-tls"
`,
    );
    const applied = await runCommand(runApply, file, {
      autoApprove: true,
      replace: true,
      force: true,
    });
    assert.equal(applied.code, 0, applied.err);
    assert.deepEqual(await drift(file), []);

    const { LoadBalancers = [] } = await elb.send(new DescribeLoadBalancersCommand({}));
    await elb.send(
      new ModifyLoadBalancerAttributesCommand({
        LoadBalancerArn: LoadBalancers[0]?.LoadBalancerArn,
        Attributes: [{ Key: 'load_balancing.cross_zone.enabled', Value: 'false' }],
      }),
    );
    const { TargetGroups = [] } = await elb.send(new DescribeTargetGroupsCommand({}));
    await elb.send(
      new ModifyTargetGroupAttributesCommand({
        TargetGroupArn: TargetGroups[0]?.TargetGroupArn,
        Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '300' }],
      }),
    );
    await scaling.send(
      new RegisterScalableTargetCommand({
        ServiceNamespace: 'ecs',
        ResourceId: 'service/sluice-orders/orders',
        ScalableDimension: 'ecs:service:DesiredCount',
        MaxCapacity: 40,
      }),
    );
    const { MetricAlarms = [] } = await cloudWatch.send(
      new DescribeAlarmsCommand({ AlarmNamePrefix: 'sluice-orders-SluiceMonitoringHighEventLoop' }),
    );
    await cloudWatch.send(
      new DeleteAlarmsCommand({ AlarmNames: MetricAlarms.map((alarm) => alarm.AlarmName ?? '') }),
    );
    await cloudWatch.send(
      new PutDashboardCommand({ DashboardName: 'sluice-orders', DashboardBody: '{"widgets":[]}' }),
    );
    await logs.send(new DeleteLogGroupCommand({ logGroupName: '/sluice/orders' }));
    assert.deepEqual(await drift(file), [
      'AWS::ApplicationAutoScaling::ScalableTarget MaxCapacity',
      'AWS::CloudWatch::Alarm gone',
      'AWS::CloudWatch::Dashboard DashboardBody',
      'AWS::ElasticLoadBalancingV2::LoadBalancer LoadBalancerAttributes',
      'AWS::ElasticLoadBalancingV2::TargetGroup TargetGroupAttributes',
      'AWS::Logs::LogGroup gone',
    ]);
    await isRestored(file, 6);
  });

  test('and back to the managed proxy, which destroy removes with everything that was created for it', async (t) => {
    const file = await inputsFile(t, managed);
    const applied = await runCommand(runApply, file, {
      autoApprove: true,
      replace: true,
      force: true,
    });
    assert.equal(applied.code, 0, applied.err);
    assert.deepEqual(await drift(file), []);
    const { code, err } = await runCommand(runDestroy, file, { confirm: 'orders', force: true });
    assert.equal(code, 0, err);
    const { SecurityGroups = [] } = await account.clients.ec2.send(
      new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'vpc-id', Values: [account.vpcId] }] }),
    );
    assert.deepEqual(SecurityGroups.map((group) => group.GroupName ?? '').sort(), [
      'default',
      'orders-database',
      'orders-proxy',
    ]);
  });
});
