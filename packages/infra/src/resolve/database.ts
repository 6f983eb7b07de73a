import { DescribeInstanceTypesCommand, type _InstanceType } from '@aws-sdk/client-ec2';
import {
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
  DescribeDBSubnetGroupsCommand,
  paginateDescribeDBClusterParameters,
  paginateDescribeDBParameters,
  type DBInstance,
} from '@aws-sdk/client-rds';
import type { Clients } from '../aws/clients.ts';
import type { Capacity, Cluster, Database } from './facts.ts';

/** The instance of that identifier. */
export async function readDatabase(
  clients: Clients,
  identifier: string,
): Promise<Database | undefined> {
  const answer = await clients.rds.send(
    new DescribeDBInstancesCommand({ DBInstanceIdentifier: identifier }),
  );
  const instance = answer.DBInstances?.[0];
  return instance === undefined ? undefined : describe(instance, identifier);
}

function describe(instance: DBInstance, identifier: string): Database {
  return {
    identifier: instance.DBInstanceIdentifier ?? identifier,
    resourceId: instance.DbiResourceId ?? '',
    engine: instance.Engine ?? '',
    engineVersion: instance.EngineVersion ?? '',
    status: instance.DBInstanceStatus ?? '',
    instanceClass: instance.DBInstanceClass ?? '',
    host: instance.Endpoint?.Address ?? '',
    port: instance.Endpoint?.Port ?? 5432,
    vpcId: instance.DBSubnetGroup?.VpcId ?? '',
    securityGroupIds: (instance.VpcSecurityGroups ?? []).flatMap((group) =>
      group.VpcSecurityGroupId === undefined ? [] : [group.VpcSecurityGroupId],
    ),
    parameterGroup: instance.DBParameterGroups?.[0]?.DBParameterGroupName ?? '',
    ...(instance.DBClusterIdentifier ? { clusterId: instance.DBClusterIdentifier } : {}),
    ...(instance.ReadReplicaSourceDBInstanceIdentifier
      ? { replicaOf: instance.ReadReplicaSourceDBInstanceIdentifier }
      : {}),
    ...(instance.NetworkType ? { networkType: instance.NetworkType } : {}),
    ...(instance.IAMDatabaseAuthenticationEnabled === undefined
      ? {}
      : { iamAuth: instance.IAMDatabaseAuthenticationEnabled }),
  };
}

/** Identifiers of all instances in the region, to suggest similar ones. */
export async function databaseNames(clients: Clients): Promise<string[]> {
  const answer = await clients.rds.send(new DescribeDBInstancesCommand({ MaxRecords: 100 }));
  return (answer.DBInstances ?? []).map((instance) => instance.DBInstanceIdentifier ?? '');
}

export async function readCluster(
  clients: Clients,
  identifier: string,
): Promise<Cluster | undefined> {
  const answer = await clients.rds.send(
    new DescribeDBClustersCommand({ DBClusterIdentifier: identifier }),
  );
  const cluster = answer.DBClusters?.[0];
  if (cluster === undefined) {
    return undefined;
  }
  const max = cluster.ServerlessV2ScalingConfiguration?.MaxCapacity;
  return {
    identifier: cluster.DBClusterIdentifier ?? identifier,
    engine: cluster.Engine ?? '',
    status: cluster.Status ?? '',
    host: cluster.Endpoint ?? '',
    port: cluster.Port ?? 5432,
    securityGroupIds: (cluster.VpcSecurityGroups ?? []).flatMap((group) =>
      group.VpcSecurityGroupId === undefined ? [] : [group.VpcSecurityGroupId],
    ),
    members: (cluster.DBClusterMembers ?? []).map((member) => ({
      id: member.DBInstanceIdentifier ?? '',
      writer: member.IsClusterWriter ?? false,
    })),
    resourceId: cluster.DbClusterResourceId ?? '',
    engineVersion: cluster.EngineVersion ?? '',
    parameterGroup: cluster.DBClusterParameterGroup ?? '',
    vpcId: await vpcOf(clients, cluster.DBSubnetGroup),
    ...(cluster.NetworkType ? { networkType: cluster.NetworkType } : {}),
    ...(cluster.IAMDatabaseAuthenticationEnabled === undefined
      ? {}
      : { iamAuth: cluster.IAMDatabaseAuthenticationEnabled }),
    ...(max === undefined ? {} : { serverlessMax: max }),
  };
}

async function vpcOf(clients: Clients, subnetGroup: string | undefined): Promise<string> {
  if (subnetGroup === undefined) {
    return '';
  }
  const answer = await clients.rds.send(
    new DescribeDBSubnetGroupsCommand({ DBSubnetGroupName: subnetGroup }),
  );
  return answer.DBSubnetGroups?.[0]?.VpcId ?? '';
}

/** A cluster as a database: the facts about an instance, if none is named. */
export function asDatabase(cluster: Cluster, writer: Database | undefined): Database {
  return {
    ...(writer ?? {
      identifier: cluster.identifier,
      instanceClass: cluster.serverlessMax === undefined ? 'no instance' : 'db.serverless',
      parameterGroup: '',
    }),
    resourceId: cluster.resourceId,
    engine: cluster.engine,
    engineVersion: cluster.engineVersion,
    status: cluster.status,
    host: cluster.host,
    port: cluster.port,
    vpcId: cluster.vpcId,
    securityGroupIds: cluster.securityGroupIds,
    clusterId: cluster.identifier,
    ...(cluster.networkType === undefined ? {} : { networkType: cluster.networkType }),
    ...(cluster.iamAuth === undefined ? {} : { iamAuth: cluster.iamAuth }),
  };
}

/** Identifiers of all clusters in the region, to suggest similar ones. */
export async function clusterNames(clients: Clients): Promise<string[]> {
  const answer = await clients.rds.send(new DescribeDBClustersCommand({ MaxRecords: 100 }));
  return (answer.DBClusters ?? []).map((cluster) => cluster.DBClusterIdentifier ?? '');
}

const wanted = new Set(['rds.force_ssl', 'max_connections', 'password_encryption']);

/** The parameters of the group that the checks need; absent ones have the engine's default. */
export async function readParameters(
  clients: Clients,
  group: string,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  const pages = paginateDescribeDBParameters(
    { client: clients.rds, pageSize: 100 },
    { DBParameterGroupName: group },
  );
  for await (const page of pages) {
    for (const { ParameterName: name, ParameterValue: value } of page.Parameters ?? []) {
      if (name !== undefined && value !== undefined && wanted.has(name)) {
        values[name] = value;
      }
    }
  }
  return values;
}

/** The same for a cluster's group, where Aurora keeps rds.force_ssl. */
export async function readClusterParameters(
  clients: Clients,
  group: string,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  const pages = paginateDescribeDBClusterParameters(
    { client: clients.rds, pageSize: 100 },
    { DBClusterParameterGroupName: group },
  );
  for await (const page of pages) {
    for (const { ParameterName: name, ParameterValue: value } of page.Parameters ?? []) {
      if (name !== undefined && value !== undefined && wanted.has(name)) {
        values[name] = value;
      }
    }
  }
  return values;
}

/** The capacity of a database class, read from the EC2 instance type that it is named after. */
export async function readCapacity(
  clients: Clients,
  instanceClass: string,
): Promise<Capacity | undefined> {
  const type = instanceClass.replace(/^db\./, '');
  if (!/^[a-z0-9-]+\.[a-z0-9-]+$/.test(type)) {
    return undefined;
  }
  const answer = await clients.ec2.send(
    // The SDK lists the types known at its release; the service knows newer ones.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    new DescribeInstanceTypesCommand({ InstanceTypes: [type as _InstanceType] }),
  );
  const described = answer.InstanceTypes?.[0];
  const vcpus = described?.VCpuInfo?.DefaultVCpus;
  const memoryMiB = described?.MemoryInfo?.SizeInMiB;
  return vcpus === undefined || memoryMiB === undefined ? undefined : { vcpus, memoryMiB };
}

/**
 * The value of `max_connections`. RDS writes it as a number or as LEAST({DBInstanceClassMemory/9531392},5000).
 * DBInstanceClassMemory is the memory in bytes minus what the system uses, so the result is an upper estimate.
 */
export function maxConnections(
  parameter: string | undefined,
  capacity: Capacity | undefined,
): number | undefined {
  const text = parameter ?? 'LEAST({DBInstanceClassMemory/9531392},5000)';
  if (/^\d+$/.test(text)) {
    return Number(text);
  }
  const match = /^LEAST\(\{DBInstanceClassMemory\/(\d+)\},\s*(\d+)\)$/i.exec(text);
  if (match === null || capacity === undefined) {
    return undefined;
  }
  const byMemory = Math.floor((capacity.memoryMiB * 1024 * 1024) / Number(match[1]));
  return Math.min(byMemory, Number(match[2]));
}
