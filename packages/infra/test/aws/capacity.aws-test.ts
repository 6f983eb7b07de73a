import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  AllocateAddressCommand,
  CreateNetworkInterfaceCommand,
  CreateRouteCommand,
  CreateInternetGatewayCommand,
  AttachInternetGatewayCommand,
  CreateRouteTableCommand,
  AssociateRouteTableCommand,
  CreateSubnetCommand,
} from '@aws-sdk/client-ec2';
import { DescribeServicesCommand } from '@aws-sdk/client-ecs';
import { DescribeLoadBalancersCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { runApply, runDestroy, runPlan } from '../../src/shell/index.ts';
import { region, startAccount, type EmulatedAccount } from './account.ts';
import { inputsFile, runCommand } from './command.ts';
import { withoutEmulator } from './emulator.ts';

suite('placement and capacity of the tasks of Sluice', { skip: withoutEmulator }, () => {
  let account: EmulatedAccount;
  let tfvars: string;

  before(async () => {
    account = await startAccount();
    tfvars = `${account.tfvars}engine = "sluice"
ContainerImage = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice:0.1.0"
TlsSecretName = "orders-tls"
`;
  });

  after(async () => account.stop());

  /** Two more subnets in two zones, with a route to the internet. */
  async function publicSubnets(): Promise<string[]> {
    const { ec2 } = account.clients;
    const { InternetGateway } = await ec2.send(new CreateInternetGatewayCommand({}));
    const GatewayId = InternetGateway?.InternetGatewayId;
    await ec2.send(
      new AttachInternetGatewayCommand({ InternetGatewayId: GatewayId, VpcId: account.vpcId }),
    );
    const { RouteTable } = await ec2.send(new CreateRouteTableCommand({ VpcId: account.vpcId }));
    const RouteTableId = RouteTable?.RouteTableId;
    await ec2.send(
      new CreateRouteCommand({ RouteTableId, GatewayId, DestinationCidrBlock: '0.0.0.0/0' }),
    );
    return Promise.all(
      ['a', 'b'].map(async (zone, index) => {
        const { Subnet } = await ec2.send(
          new CreateSubnetCommand({
            VpcId: account.vpcId,
            CidrBlock: `10.20.${10 + index}.0/24`,
            AvailabilityZone: `${region}${zone}`,
          }),
        );
        const SubnetId = Subnet?.SubnetId;
        await ec2.send(new AssociateRouteTableCommand({ RouteTableId, SubnetId }));
        return SubnetId ?? '';
      }),
    );
  }

  /** Plans, applies and plans again; the second plan is empty. */
  async function settles(t: Parameters<typeof inputsFile>[0], more: string): Promise<string> {
    const file = await inputsFile(t, tfvars + more);
    const planned = await runCommand(runPlan, file);
    const applied = await runCommand(runApply, file, { autoApprove: true });
    assert.equal(applied.code, 0, applied.err);
    const again = await runCommand(runPlan, file, { detailedExitcode: true });
    assert.equal(again.code, 0, again.out);
    return planned.out;
  }

  async function blocked(t: Parameters<typeof inputsFile>[0], more: string): Promise<string> {
    const file = await inputsFile(t, tfvars + more);
    const { code, out } = await runCommand(runPlan, file);
    assert.equal(code, 1, out);
    return out;
  }

  test('Spot and ECS Exec are turned on and off in place', async (t) => {
    const service = async (): Promise<readonly [(string | undefined)[], boolean | undefined]> => {
      const { services = [] } = await account.clients.ecs.send(
        new DescribeServicesCommand({ cluster: 'sluice-orders', services: ['orders'] }),
      );
      const strategy = services[0]?.capacityProviderStrategy ?? [];
      return [
        strategy.map(({ capacityProvider }) => capacityProvider),
        services[0]?.enableExecuteCommand,
      ];
    };
    await settles(t, '');
    assert.deepEqual(await service(), [['FARGATE'], false]);
    const planned = await settles(t, 'FargateSpotWeight = 3\nCpuArchitecture = "X86_64"\n');
    assert.match(planned, /~ AWS::ECS::Service /, 'it is not replaced');
    assert.match(planned, /\(x86\).*Fargate Spot/);
    assert.deepEqual(await service(), [['FARGATE', 'FARGATE_SPOT'], false]);

    assert.match(
      await blocked(t, 'FargateSpotWeight = 1\nFargateWeight = 0\nFargateBase = 0\n'),
      /SLUICE-SPOT .*every task runs on Fargate Spot/,
    );
    assert.match(await blocked(t, 'EnableExecuteCommand = true\n'), /SLUICE-EXEC /);
    await settles(
      t,
      'EnableExecuteCommand = true\nAcknowledge = { "SLUICE-EXEC" = "we debug tasks" }\n',
    );
    assert.deepEqual(await service(), [['FARGATE'], true]);
    const file = await inputsFile(t, tfvars);
    const gone = await runCommand(runDestroy, file, { confirm: 'orders', force: true });
    assert.equal(gone.code, 0, gone.err);
  });

  test('private addresses stay with the load balancer, and the plan reports an address that is in use', async (t) => {
    const [first = '', second = ''] = account.subnetIds;
    const addresses = (a: string, b: string): string =>
      `DBProxyName = "orders-fixed"\nBalancerAddresses = { "${first}" = "${a}", "${second}" = "${b}" }\n`;
    await account.clients.ec2.send(
      new CreateNetworkInterfaceCommand({ SubnetId: first, PrivateIpAddress: '10.20.1.9' }),
    );
    assert.match(
      await blocked(t, addresses('10.20.1.9', '10.20.2.10')),
      /✗ PF30 .*10\.20\.1\.9 is used by eni-/,
    );
    await settles(t, addresses('10.20.1.10', '10.20.2.10'));
    assert.match(
      await blocked(t, addresses('10.20.1.11', '10.20.2.10')),
      /✗ PF30 .*has 10\.20\.1\.10 in subnet-\S+, which cannot become 10\.20\.1\.11/,
    );
  });

  test('Elastic IPs make the load balancer public, for an acknowledged reason', async (t) => {
    const ids = await publicSubnets();
    const allocations = await Promise.all(
      ids.map(async () => account.clients.ec2.send(new AllocateAddressCommand({ Domain: 'vpc' }))),
    );
    const entries = ids.map((id, index) => `"${id}" = "${allocations[index]?.AllocationId}"`);
    const inputs = `DBProxyName = "orders-public"\nBalancerAddresses = { ${entries.join(', ')} }\n`;
    const out = await blocked(t, inputs);
    assert.match(out, /✓ PF30 /);
    assert.match(out, /SLUICE-PUBLIC .*Scheme is "internet-facing"/);
    await settles(t, `${inputs}Acknowledge = { "SLUICE-PUBLIC" = "partners of ours connect" }\n`);
    const { LoadBalancers = [] } = await account.clients.elb.send(
      new DescribeLoadBalancersCommand({ Names: ['orders-public'] }),
    );
    assert.equal(LoadBalancers[0]?.Scheme, 'internet-facing');
    const missing = inputs.replace(/eipalloc-\w+/, 'eipalloc-00000000');
    assert.match(await blocked(t, missing), /✗ PF30 .*there is no Elastic IP eipalloc-00000000/);
  });
});
