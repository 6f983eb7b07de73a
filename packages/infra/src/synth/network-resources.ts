import {
  Peer,
  Port,
  SecurityGroup,
  Vpc,
  type ISecurityGroup,
  type ISubnet,
  type IVpc,
} from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import { allowIntoDatabase } from '../constructs/database-ingress.ts';
import type { Model } from '../model/model.ts';
import { onePerZone } from '../resolve/choose-subnets.ts';
import { allowsDatabaseIngress, baseName } from '../resolve/names.ts';

/** The subnets and security groups of the proxy. */
export interface Network {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  /** One subnet of each zone, for a load balancer. */
  readonly balancerSubnets: readonly ISubnet[];
  readonly groups: readonly ISecurityGroup[];
  /** The groups of the database, which must not be changed. */
  readonly databaseGroups: readonly ISecurityGroup[];
}

/** The port that both engines listen on; RDS Proxy has no other for PostgreSQL. */
export const listenPort = 5432;

/** The given network as constructs; with CreateSecurityGroup also a new group. */
export function networkOf(scope: Construct, model: Model): Network {
  const { inputs, resolved } = model;
  const vpc = Vpc.fromVpcAttributes(scope, 'Vpc', {
    vpcId: inputs.vpc_id,
    vpcCidrBlock: resolved.vpc_cidrs[0] ?? '10.0.0.0/8',
    // Nothing here uses the zones, but there must be one for each subnet.
    availabilityZones: model.subnetIds.map((_, index) => `zone${index}`),
    privateSubnetIds: [...model.subnetIds],
  });
  const groups = inputs.CreateSecurityGroup
    ? [ownGroup(scope, vpc, model)]
    : resolved.security_group_ids.map((id, index) =>
        // Immutable: the rules of a given group belong to its owner.
        SecurityGroup.fromSecurityGroupId(scope, `Group${index}`, id, { mutable: false }),
      );
  const balancing = new Set(onePerZone(model.subnetIds, resolved.subnet_zones));
  return {
    vpc,
    subnets: vpc.privateSubnets,
    balancerSubnets: vpc.privateSubnets.filter(({ subnetId }) => balancing.has(subnetId)),
    groups,
    databaseGroups: resolved.database_security_group_ids.map((id, index) =>
      SecurityGroup.fromSecurityGroupId(scope, `DatabaseGroup${index}`, id, { mutable: false }),
    ),
  };
}

/** Admits the clients, and permits connections only to the database. */
function ownGroup(scope: Construct, vpc: IVpc, model: Model): SecurityGroup {
  const { inputs, resolved } = model;
  const group = new SecurityGroup(scope, 'Group', {
    vpc,
    ...(inputs.rds_security_group_name === undefined
      ? {}
      : { securityGroupName: inputs.rds_security_group_name }),
    // A change of its description replaces a group, so the description does not contain a replaced proxy's new name.
    description: `Clients of the proxy ${baseName(inputs)}`,
    allowAllOutbound: false,
  });
  for (const cidr of inputs.ClientCidrs) {
    group.addIngressRule(Peer.ipv4(cidr), Port.tcp(listenPort), 'clients');
  }
  for (const id of inputs.ClientSecurityGroupIds) {
    group.addIngressRule(Peer.securityGroupId(id), Port.tcp(listenPort), 'clients');
  }
  const port = Port.tcp(resolved.database_port);
  if (inputs.engine === 'sluice') {
    // It belongs to the load balancer; the tasks have a separate group for connections to the database.
    return group;
  }
  resolved.database_security_group_ids.forEach((id, index) => {
    group.addEgressRule(Peer.securityGroupId(id), port, 'the database');
    if (allowsDatabaseIngress(inputs)) {
      allowIntoDatabase(scope, `DatabaseIngress${index}`, {
        databaseGroupId: id,
        from: group,
        port: resolved.database_port,
        description: 'the proxy',
      });
    }
  });
  return group;
}
