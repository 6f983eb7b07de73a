import assert from 'node:assert/strict';
import { suite, test, before, after } from 'node:test';
import {
  CreateClusterCommand,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  ListClustersCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs';
import {
  DescribeListenersCommand,
  DescribeLoadBalancersCommand,
  DescribeTargetGroupsCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { ListAttachedRolePoliciesCommand } from '@aws-sdk/client-iam';
import { DescribeDBProxiesCommand } from '@aws-sdk/client-rds';
import { runApply, runDestroy, runDrift, runPlan } from '../../src/shell/index.ts';
import { startAccount, type EmulatedAccount } from './account.ts';
import { inputsFile, runCommand } from './command.ts';
import { withoutEmulator } from './emulator.ts';

suite('Sluice on ECS, from the managed proxy to destroy', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;
  let tfvars: string;

  before(async () => {
    account = await startAccount();
    tfvars = `${account.tfvars}engine = "sluice"
ContainerImage = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice:0.1.0"
TlsSecretName  = "orders-tls"
`;
  });

  after(async () => {
    await account.stop();
  });

  test('a change from the managed proxy to Sluice is a plan like any other, and says what happens to the endpoint', async (t) => {
    const managed = await inputsFile(t, account.tfvars);
    assert.equal((await runCommand(runApply, managed, { autoApprove: true })).code, 0);
    const file = await inputsFile(t, tfvars);
    const { code, out } = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(code, 2, out);
    assert.match(out, /\+ AWS::ECS::Service/);
    assert.match(out, /- AWS::RDS::DBProxy /);
    assert.match(out, /THE ENDPOINT CHANGES ITS NAME: orders\.db-proxy-/);
    assert.match(out, /sluice +\$\d+\.\d\d \(this plan\)/);
  });

  test('apply creates service, load balancer and task, and removes the managed proxy', async (t) => {
    const file = await inputsFile(t, tfvars);
    const { code, out, err } = await runCommand(runApply, file, {
      autoApprove: true,
      replace: true,
      force: true,
      json: true,
    });
    assert.equal(code, 0, err);
    const { outputs } = JSON.parse(out) as { outputs: Record<string, unknown> };
    const { LoadBalancers = [] } = await account.clients.elb.send(
      new DescribeLoadBalancersCommand({}),
    );
    const [balancer] = LoadBalancers;
    assert.equal(balancer?.Type, 'network');
    assert.equal(balancer?.Scheme, 'internal');
    assert.equal(outputs['rds_proxy_endpoint'], balancer?.DNSName);
    assert.deepEqual(outputs['rds_security_group_ids'], [account.proxyGroupId]);
    const { Listeners = [] } = await account.clients.elb.send(
      new DescribeListenersCommand({ LoadBalancerArn: balancer?.LoadBalancerArn }),
    );
    assert.equal(Listeners[0]?.Port, 5432);
    assert.equal(Listeners[0]?.Protocol, 'TCP');
    const { TargetGroups = [] } = await account.clients.elb.send(
      new DescribeTargetGroupsCommand({}),
    );
    assert.equal(TargetGroups[0]?.HealthCheckPath, '/readyz');
    assert.equal(TargetGroups[0]?.TargetType, 'ip');
    const { services = [] } = await account.clients.ecs.send(
      new DescribeServicesCommand({ cluster: 'sluice-orders', services: ['orders'] }),
    );
    assert.deepEqual(
      services[0]?.capacityProviderStrategy?.map(({ capacityProvider }) => capacityProvider),
      ['FARGATE'],
    );
    const { taskDefinition } = await account.clients.ecs.send(
      new DescribeTaskDefinitionCommand({ taskDefinition: services[0]?.taskDefinition }),
    );
    const [container] = taskDefinition?.containerDefinitions ?? [];
    assert.equal(container?.readonlyRootFilesystem, true);
    assert.equal(container?.user, '1000');
    assert.equal(container?.stopTimeout, 120);
    const settings = container?.environment?.find(({ name }) => name === 'SETTINGS_JSON');
    assert.ok(settings?.value?.includes(account.secretArn));
    assert.ok(
      container?.secrets?.every((secret) => !secret.valueFrom?.includes('orders-database')),
    );
    const role = String(outputs['rds_proxy_role_arn']).split('/')[1];
    const { AttachedPolicies = [] } = await account.clients.iam.send(
      new ListAttachedRolePoliciesCommand({ RoleName: role }),
    );
    assert.match(AttachedPolicies[0]?.PolicyName ?? '', /TaskRolePolicy/);
    const { DBProxies = [] } = await account.clients.rds.send(new DescribeDBProxiesCommand({}));
    assert.deepEqual(DBProxies, []);
  });

  test('a second plan is empty', async (t) => {
    const file = await inputsFile(t, tfvars);
    const { code, out } = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(code, 0, out);
    assert.match(out, /Changes: none/);
  });

  test('a changed setting is a rolling deployment', async (t) => {
    const file = await inputsFile(t, `${tfvars}IdleClientTimeout = 600\n`);
    const planned = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(planned.code, 2);
    assert.match(planned.out, /a rolling deployment/);
    assert.match(planned.out, /the endpoint stays/);
    const applied = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(applied.code, 0, applied.err);
    const { services = [] } = await account.clients.ecs.send(
      new DescribeServicesCommand({ cluster: 'sluice-orders', services: ['orders'] }),
    );
    const { taskDefinition } = await account.clients.ecs.send(
      new DescribeTaskDefinitionCommand({ taskDefinition: services[0]?.taskDefinition }),
    );
    const environment = taskDefinition?.containerDefinitions?.[0]?.environment ?? [];
    assert.ok(
      environment.some(
        ({ name, value }) => name === 'SLUICE_IDLE_CLIENT_TIMEOUT' && value === '600',
      ),
    );
  });

  test('drift names a task definition that was set outside the tool', async (t) => {
    const file = await inputsFile(t, `${tfvars}IdleClientTimeout = 600\n`);
    const clean = await runCommand(runDrift, file, { detailedExitcode: true });
    assert.equal(clean.code, 0, clean.out);
    const { services = [] } = await account.clients.ecs.send(
      new DescribeServicesCommand({ cluster: 'sluice-orders', services: ['orders'] }),
    );
    const now = services[0]?.taskDefinition ?? '';
    const other = now.replace(/:\d+$/, ':1');
    await account.clients.ecs.send(
      new UpdateServiceCommand({
        cluster: 'sluice-orders',
        service: 'orders',
        taskDefinition: other,
      }),
    );
    const found = await runCommand(runDrift, file, { detailedExitcode: true });
    assert.equal(found.code, 2, found.out);
    assert.match(found.out, /TaskDefinition: applied .* now /);
  });

  test('destroy removes everything', async (t) => {
    const file = await inputsFile(t, tfvars);
    const { code, err } = await runCommand(runDestroy, file, { confirm: 'orders', force: true });
    assert.equal(code, 0, err);
    const { LoadBalancers = [] } = await account.clients.elb.send(
      new DescribeLoadBalancersCommand({}),
    );
    assert.deepEqual(LoadBalancers, []);
    const { clusterArns = [] } = await account.clients.ecs.send(new ListClustersCommand({}));
    assert.deepEqual(clusterArns, []);
  });

  test('a service in an existing cluster is created there, stays there, and the cluster remains', async (t) => {
    await account.clients.ecs.send(new CreateClusterCommand({ clusterName: 'shared' }));
    const text = `${tfvars}DBProxyName = "orders-shared"\nEcsClusterName = "shared"\n`;
    const missing = await inputsFile(t, text.replace('"shared"', '"shraed"'));
    const refused = await runCommand(runPlan, missing);
    assert.equal(refused.code, 1);
    assert.match(refused.out, /✗ PF28 ECS cluster: ecs:DescribeClusters found none/);

    const file = await inputsFile(t, text);
    const applied = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(applied.code, 0, applied.err);
    const { services = [] } = await account.clients.ecs.send(
      new DescribeServicesCommand({ cluster: 'shared', services: ['orders-shared'] }),
    );
    assert.equal(services[0]?.serviceName, 'orders-shared');
    const again = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(again.code, 0, again.out);

    const own = await inputsFile(t, text.replace(/EcsClusterName.*\n/, ''));
    const planned = await runCommand(runPlan, own);
    assert.equal(planned.code, 1);
    assert.match(planned.out, /✗ AWS::ECS::Service orders-shared cannot be replaced/);
    const blocked = await runCommand(runApply, own, { autoApprove: true });
    assert.equal(blocked.code, 1);
    assert.match(blocked.err, /error: AWS::ECS::Service orders-shared cannot be replaced/);

    const words = { confirm: 'orders-shared', force: true };
    assert.equal((await runCommand(runDestroy, file, words)).code, 0);
    const { clusterArns = [] } = await account.clients.ecs.send(new ListClustersCommand({}));
    assert.ok(clusterArns.some((arn) => arn.endsWith('/shared')));
  });
});
