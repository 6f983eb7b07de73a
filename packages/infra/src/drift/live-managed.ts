import { DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  DescribeDBProxiesCommand,
  DescribeDBProxyEndpointsCommand,
  DescribeDBProxyTargetGroupsCommand,
  DescribeDBProxyTargetsCommand,
  ListTagsForResourceCommand,
  type DBProxyTarget,
  type UserAuthConfigInfo,
} from '@aws-sdk/client-rds';
import type { Clients } from '../aws/clients.ts';
import type { LiveReader } from './live.ts';
import { comparedTags } from './live-tags.ts';

const proxy: LiveReader = async ({ clients, resource, id }) => {
  const answer = await clients.rds.send(new DescribeDBProxiesCommand({ DBProxyName: id }));
  const live = answer.DBProxies?.[0];
  return live === undefined
    ? undefined
    : {
        EngineFamily: live.EngineFamily,
        RoleArn: live.RoleArn,
        VpcSubnetIds: live.VpcSubnetIds,
        VpcSecurityGroupIds: live.VpcSecurityGroupIds,
        RequireTLS: live.RequireTLS,
        IdleClientTimeout: live.IdleClientTimeout,
        DebugLogging: live.DebugLogging,
        Auth: (live.Auth ?? []).map(auth),
        ...unlessDefault('DefaultAuthScheme', live.DefaultAuthScheme, 'NONE'),
        ...unlessDefault('EndpointNetworkType', live.EndpointNetworkType, 'IPV4'),
        ...unlessDefault('TargetConnectionNetworkType', live.TargetConnectionNetworkType, 'IPV4'),
        ...(await tagsOf(clients, live.DBProxyArn, resource.properties['Tags'])),
      };
};

function auth(entry: UserAuthConfigInfo): Record<string, unknown> {
  return {
    AuthScheme: entry.AuthScheme,
    SecretArn: entry.SecretArn,
    IAMAuth: entry.IAMAuth,
    // Emulators and older proxies omit the default.
    ClientPasswordAuthType: entry.ClientPasswordAuthType ?? 'POSTGRES_SCRAM_SHA_256',
    ...(entry.Description === undefined || entry.Description === ''
      ? {}
      : { Description: entry.Description }),
  };
}

/** The template omits a property at its default, and so does the answer of an older API. */
function unlessDefault(
  name: string,
  value: string | undefined,
  otherwise: string,
): Record<string, unknown> {
  return { [name]: value === otherwise ? undefined : value };
}

const targetGroup: LiveReader = async ({ clients, resource }) => {
  // The physical id of a target group in CloudFormation is its ARN, by which RDS does not look it up.
  const name = String(resource.properties['DBProxyName']);
  const [groups, { Targets: targets = [] }] = await Promise.all([
    clients.rds.send(new DescribeDBProxyTargetGroupsCommand({ DBProxyName: name })),
    clients.rds.send(new DescribeDBProxyTargetsCommand({ DBProxyName: name })),
  ]);
  const pool = groups.TargetGroups?.[0]?.ConnectionPoolConfig;
  return {
    DBInstanceIdentifiers: none(targets.flatMap(instanceOf)),
    DBClusterIdentifiers: none([...new Set(targets.flatMap(clusterOf))]),
    ConnectionPoolConfigurationInfo: {
      MaxConnectionsPercent: pool?.MaxConnectionsPercent,
      MaxIdleConnectionsPercent: pool?.MaxIdleConnectionsPercent,
      ConnectionBorrowTimeout: pool?.ConnectionBorrowTimeout,
      ...(pool?.InitQuery === undefined || pool.InitQuery === ''
        ? {}
        : { InitQuery: pool.InitQuery }),
    },
  };
};

/** The instances of a cluster are targets too, but only the cluster was registered. */
export function instanceOf(target: DBProxyTarget): string[] {
  const { Type, TrackedClusterId, RdsResourceId } = target;
  return Type === 'RDS_INSTANCE' && TrackedClusterId === undefined ? [RdsResourceId ?? ''] : [];
}

/** The cluster of a target, if a cluster was registered. */
export function clusterOf(target: DBProxyTarget): string[] {
  const { Type, TrackedClusterId, RdsResourceId } = target;
  const cluster = TrackedClusterId ?? (Type === 'TRACKED_CLUSTER' ? RdsResourceId : undefined);
  return cluster === undefined ? [] : [cluster];
}

function none(ids: string[]): string[] | undefined {
  return ids.length === 0 ? undefined : ids;
}

const endpoint: LiveReader = async ({ clients, resource, id }) => {
  const answer = await clients.rds.send(
    new DescribeDBProxyEndpointsCommand({
      DBProxyName: String(resource.properties['DBProxyName']),
      DBProxyEndpointName: id,
    }),
  );
  const live = answer.DBProxyEndpoints?.[0];
  return live === undefined
    ? undefined
    : {
        VpcSubnetIds: live.VpcSubnetIds,
        VpcSecurityGroupIds: live.VpcSecurityGroupIds,
        TargetRole: live.TargetRole,
        ...(resource.properties['EndpointNetworkType'] === undefined
          ? unlessDefault('EndpointNetworkType', live.EndpointNetworkType, 'IPV4')
          : { EndpointNetworkType: live.EndpointNetworkType ?? 'IPV4' }),
        ...(await tagsOf(clients, live.DBProxyEndpointArn, resource.properties['Tags'])),
      };
};

async function tagsOf(
  clients: Clients,
  arn: string | undefined,
  template: unknown,
): Promise<Record<string, unknown>> {
  const tags = await clients.rds.send(new ListTagsForResourceCommand({ ResourceName: arn }));
  return comparedTags(template, tags.TagList);
}

const logGroup: LiveReader = async ({ clients, id }) => {
  const answer = await clients.logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: id }));
  const live = answer.logGroups?.find((group) => group.logGroupName === id);
  return live === undefined
    ? undefined
    : {
        RetentionInDays: live.retentionInDays,
        KmsKeyId: live.kmsKeyId,
        ...unlessDefault('LogGroupClass', live.logGroupClass, 'STANDARD'),
      };
};

/** The resources of the managed engine, and the log group that both have. */
export const liveManaged: Readonly<Record<string, LiveReader>> = {
  'AWS::RDS::DBProxy': proxy,
  'AWS::RDS::DBProxyTargetGroup': targetGroup,
  'AWS::RDS::DBProxyEndpoint': endpoint,
  'AWS::Logs::LogGroup': logGroup,
};
