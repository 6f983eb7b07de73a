import { CreateRepositoryCommand, PutImageCommand } from '@aws-sdk/client-ecr';
import {
  AllocateAddressCommand,
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateNatGatewayCommand,
  CreateRouteCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateTagsCommand,
  CreateVpcCommand,
  DescribeRouteTablesCommand,
  RevokeSecurityGroupEgressCommand,
} from '@aws-sdk/client-ec2';
import { CreateRoleCommand } from '@aws-sdk/client-iam';
import { CreateDBInstanceCommand, CreateDBSubnetGroupCommand } from '@aws-sdk/client-rds';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { createClients, destroyClients, type Clients } from '../../src/aws/clients.ts';
import { startEmulator } from './emulator.ts';

/** The account of moto for unknown keys. */
export const accountId = '123456789012';
export const region = 'eu-central-1';

/** The resources that exist before the proxy: those that the nine inputs name. */
export interface Account {
  readonly clients: Clients;
  readonly vpcId: string;
  /** Two private subnets in two zones, then a public one. */
  readonly subnetIds: readonly string[];
  readonly proxyGroupId: string;
  readonly databaseGroupId: string;
  readonly roleArn: string;
  readonly secretArn: string;
  /** Tags the second private subnet and the public one: another pair in two zones. */
  tagSubnets(tags: Readonly<Record<string, string>>): Promise<void>;
  /** Permits connections from the proxy's group to the database's on another port than 5432. */
  openPort(port: number): Promise<void>;
  /** The text of a terraform.tfvars with the nine inputs. */
  readonly tfvars: string;
}

/** Fills an empty emulator: a VPC, subnets, groups that reach each other, a role, a secret and a database. */
async function fillAccount(endpoint: string): Promise<Account> {
  // Any keys will do; without keys the SDK asks the metadata service of the machine and waits.
  process.env['AWS_ACCESS_KEY_ID'] = 'testing';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'testing';
  process.env['AWS_ENDPOINT_URL'] = endpoint;
  delete process.env['AWS_PROFILE'];
  const clients = createClients({ region, endpoint });
  const { Vpc } = await clients.ec2.send(new CreateVpcCommand({ CidrBlock: '10.20.0.0/16' }));
  const vpcId = Vpc?.VpcId ?? '';
  const subnetIds = [
    await subnet(clients, vpcId, '10.20.1.0/24', 'a', 'private'),
    await subnet(clients, vpcId, '10.20.2.0/24', 'b', 'private'),
    await subnet(clients, vpcId, '10.20.3.0/24', 'a', 'public'),
  ];
  const proxyGroupId = await group(clients, vpcId, 'orders-proxy');
  const databaseGroupId = await group(clients, vpcId, 'orders-database');
  await letIn(clients, proxyGroupId, { CidrIp: '10.20.0.0/16' });
  await letOut(clients, proxyGroupId, databaseGroupId);
  await letInGroup(clients, databaseGroupId, proxyGroupId);
  const role = await clients.iam.send(
    new CreateRoleCommand({
      RoleName: 'orders-proxy-role',
      AssumeRolePolicyDocument: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'rds.amazonaws.com' },
            Action: 'sts:AssumeRole',
          },
        ],
      }),
    }),
  );
  const secret = await clients.secrets.send(
    new CreateSecretCommand({
      Name: 'orders-database',
      SecretString: JSON.stringify({ username: 'app', password: 'not-a-real-one' }),
    }),
  );
  await clients.secrets.send(
    new CreateSecretCommand({
      Name: 'orders-tls',
      SecretString: JSON.stringify({ certificate: 'PEM', private_key: 'PEM' }),
    }),
  );
  await database(clients, subnetIds, databaseGroupId);
  await image(clients);
  await wayOut(clients, vpcId, subnetIds[2] ?? '');
  return {
    clients,
    vpcId,
    subnetIds,
    proxyGroupId,
    databaseGroupId,
    roleArn: role.Role?.Arn ?? '',
    secretArn: secret.ARN ?? '',
    tagSubnets: async (tags) => {
      await clients.ec2.send(
        new CreateTagsCommand({
          Resources: subnetIds.slice(1),
          Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
        }),
      );
    },
    openPort: async (port) => {
      await letOut(clients, proxyGroupId, databaseGroupId, port);
      await letInGroup(clients, databaseGroupId, proxyGroupId, port);
    },
    tfvars: `aws_account_id          = "${accountId}"
aws_region              = "${region}"
vpc_id                  = "${vpcId}"
vpc_subnet_filter_tag   = { Name = "private" }
rds_instance_id         = "orders"
rds_proxy_role          = "orders-proxy-role"
rds_security_group_name = "orders-proxy"
rds_secret_name         = "orders-database"
rds_proxy_tags = {
  Team = "orders"
}
`,
  };
}

/** An account in a separate emulator. */
export interface EmulatedAccount extends Account {
  /** The address of the emulator. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * Starts an emulator and fills its account.
 * @param plain moto without the extension
 */
export async function startAccount(plain = false): Promise<EmulatedAccount> {
  const emulator = await startEmulator(plain);
  const { endpoint } = emulator;
  const account = await fillAccount(endpoint);
  return {
    ...account,
    endpoint,
    stop: async () => {
      destroyClients(account.clients);
      await emulator.stop();
    },
  };
}

/** The image that engine sluice starts tasks from. */
async function image(clients: Clients): Promise<void> {
  await clients.ecr.send(new CreateRepositoryCommand({ repositoryName: 'sluice' }));
  await clients.ecr.send(
    new PutImageCommand({
      repositoryName: 'sluice',
      imageTag: '0.1.0',
      imageManifest: JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
        config: {
          mediaType: 'application/vnd.docker.container.image.v1+json',
          size: 1,
          digest: `sha256:${'0'.repeat(64)}`,
        },
        layers: [],
      }),
    }),
  );
}

/** A NAT gateway in the public subnet, and routes to it from the private ones. */
async function wayOut(clients: Clients, vpcId: string, publicSubnet: string): Promise<void> {
  const { AllocationId } = await clients.ec2.send(new AllocateAddressCommand({ Domain: 'vpc' }));
  const { NatGateway } = await clients.ec2.send(
    new CreateNatGatewayCommand({ SubnetId: publicSubnet, AllocationId }),
  );
  const { RouteTables } = await clients.ec2.send(
    new DescribeRouteTablesCommand({ Filters: [{ Name: 'vpc-id', Values: [vpcId] }] }),
  );
  await clients.ec2.send(
    new CreateRouteCommand({
      RouteTableId: RouteTables?.[0]?.RouteTableId,
      DestinationCidrBlock: '0.0.0.0/0',
      NatGatewayId: NatGateway?.NatGatewayId,
    }),
  );
}

async function subnet(
  clients: Clients,
  VpcId: string,
  CidrBlock: string,
  zone: string,
  name: string,
): Promise<string> {
  const { Subnet } = await clients.ec2.send(
    new CreateSubnetCommand({ VpcId, CidrBlock, AvailabilityZone: `${region}${zone}` }),
  );
  const id = Subnet?.SubnetId ?? '';
  await clients.ec2.send(
    new CreateTagsCommand({ Resources: [id], Tags: [{ Key: 'Name', Value: name }] }),
  );
  return id;
}

/** A group without rules; AWS creates groups with a rule that permits all outbound connections. */
async function group(clients: Clients, VpcId: string, GroupName: string): Promise<string> {
  const { GroupId = '' } = await clients.ec2.send(
    new CreateSecurityGroupCommand({ VpcId, GroupName, Description: GroupName }),
  );
  await clients.ec2.send(
    new RevokeSecurityGroupEgressCommand({
      GroupId,
      IpPermissions: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
    }),
  );
  return GroupId;
}

async function letIn(clients: Clients, GroupId: string, range: { CidrIp: string }): Promise<void> {
  await clients.ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId,
      IpPermissions: [{ IpProtocol: 'tcp', FromPort: 5432, ToPort: 5432, IpRanges: [range] }],
    }),
  );
}

async function letInGroup(
  clients: Clients,
  GroupId: string,
  other: string,
  port = 5432,
): Promise<void> {
  await clients.ec2.send(
    new AuthorizeSecurityGroupIngressCommand({
      GroupId,
      IpPermissions: [
        { IpProtocol: 'tcp', FromPort: port, ToPort: port, UserIdGroupPairs: [{ GroupId: other }] },
      ],
    }),
  );
}

async function letOut(
  clients: Clients,
  GroupId: string,
  other: string,
  port = 5432,
): Promise<void> {
  await clients.ec2.send(
    new AuthorizeSecurityGroupEgressCommand({
      GroupId,
      IpPermissions: [
        { IpProtocol: 'tcp', FromPort: port, ToPort: port, UserIdGroupPairs: [{ GroupId: other }] },
      ],
    }),
  );
}

async function database(
  clients: Clients,
  subnetIds: readonly string[],
  groupId: string,
): Promise<void> {
  await clients.rds.send(
    new CreateDBSubnetGroupCommand({
      DBSubnetGroupName: 'orders',
      DBSubnetGroupDescription: 'orders',
      SubnetIds: subnetIds.slice(0, 2),
    }),
  );
  await clients.rds.send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: 'orders',
      Engine: 'postgres',
      EngineVersion: '17.2',
      DBInstanceClass: 'db.m6g.large',
      AllocatedStorage: 20,
      MasterUsername: 'root_user',
      MasterUserPassword: 'not-a-real-one',
      DBSubnetGroupName: 'orders',
      VpcSecurityGroupIds: [groupId],
    }),
  );
}
