import {
  CfnSecurityGroupIngress,
  Peer,
  Port,
  SecurityGroup,
  Vpc,
  type ISecurityGroup,
  type ISubnet,
  type IVpc,
} from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import type { Model } from '../model/model.ts';

/** Where the proxy stands and which groups it wears. */
export interface Network {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  readonly groups: readonly ISecurityGroup[];
}

/** The port that both engines listen on; RDS Proxy knows no other for PostgreSQL. */
export const listenPort = 5432;

/** The given network as constructs; with CreateSecurityGroup, a group of the stack's own. */
export function networkOf(scope: Construct, model: Model): Network {
  const { inputs, resolved } = model;
  const vpc = Vpc.fromVpcAttributes(scope, 'Vpc', {
    vpcId: inputs.vpc_id,
    vpcCidrBlock: resolved.vpc_cidrs[0] ?? '10.0.0.0/8',
    // Nothing that is made here asks for the zones, but there must be one for each subnet.
    availabilityZones: model.subnetIds.map((_, index) => `zone${index}`),
    privateSubnetIds: [...model.subnetIds],
  });
  const groups = inputs.CreateSecurityGroup
    ? [ownGroup(scope, vpc, model)]
    : resolved.security_group_ids.map((id, index) =>
        // Not mutable: the rules of a group that was given are its owner's.
        SecurityGroup.fromSecurityGroupId(scope, `Group${index}`, id, { mutable: false }),
      );
  return { vpc, subnets: vpc.privateSubnets, groups };
}

/** Lets the clients in, and goes nowhere but to the database. */
function ownGroup(scope: Construct, vpc: IVpc, model: Model): SecurityGroup {
  const { inputs, resolved } = model;
  const group = new SecurityGroup(scope, 'Group', {
    vpc,
    securityGroupName: inputs.rds_security_group_name,
    description: `Clients of the proxy ${model.proxyName}`,
    allowAllOutbound: false,
  });
  for (const cidr of inputs.ClientCidrs) {
    group.addIngressRule(Peer.ipv4(cidr), Port.tcp(listenPort), 'clients');
  }
  for (const id of inputs.ClientSecurityGroupIds) {
    group.addIngressRule(Peer.securityGroupId(id), Port.tcp(listenPort), 'clients');
  }
  const port = Port.tcp(resolved.database_port);
  resolved.database_security_group_ids.forEach((id, index) => {
    group.addEgressRule(Peer.securityGroupId(id), port, 'the database');
    if (inputs.AllowDatabaseIngress) {
      allow(scope, `DatabaseIngress${index}`, id, group, resolved.database_port);
    }
  });
  return group;
}

/** A rule of its own in somebody else's group, so that destroy removes the rule and leaves the group. */
function allow(
  scope: Construct,
  id: string,
  databaseGroupId: string,
  group: ISecurityGroup,
  port: number,
): CfnSecurityGroupIngress {
  return new CfnSecurityGroupIngress(scope, id, {
    groupId: databaseGroupId,
    ipProtocol: 'tcp',
    fromPort: port,
    toPort: port,
    sourceSecurityGroupId: group.securityGroupId,
    description: 'the proxy',
  });
}
