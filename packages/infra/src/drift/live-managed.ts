import { DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import {
  DescribeDBProxiesCommand,
  DescribeDBProxyTargetGroupsCommand,
  DescribeDBProxyTargetsCommand,
  ListTagsForResourceCommand,
} from '@aws-sdk/client-rds';
import { tagMap } from '../resolve/look.ts';
import { list, record } from '../values.ts';
import type { LiveReader } from './drift.ts';
import { orGone } from './or-gone.ts';

const proxy: LiveReader = (clients, resource, name) =>
  orGone(async () => {
    const answer = await clients.rds.send(new DescribeDBProxiesCommand({ DBProxyName: name }));
    const live = answer.DBProxies?.[0];
    if (live === undefined) {
      return undefined;
    }
    const tags = await clients.rds.send(
      new ListTagsForResourceCommand({ ResourceName: live.DBProxyArn }),
    );
    const applied = tagMap(list(resource.properties['Tags']).map(record));
    const now = Object.entries(tagMap(tags.TagList)).filter(([key]) => !key.startsWith('aws:'));
    return {
      EngineFamily: live.EngineFamily,
      RoleArn: live.RoleArn,
      VpcSubnetIds: live.VpcSubnetIds,
      VpcSecurityGroupIds: live.VpcSecurityGroupIds,
      RequireTLS: live.RequireTLS,
      IdleClientTimeout: live.IdleClientTimeout,
      DebugLogging: live.DebugLogging,
      Auth: (live.Auth ?? []).map((entry) => ({
        AuthScheme: entry.AuthScheme,
        SecretArn: entry.SecretArn,
        IAMAuth: entry.IAMAuth,
        // Emulators and older proxies leave it out; it is then the default.
        ClientPasswordAuthType: entry.ClientPasswordAuthType ?? 'POSTGRES_SCRAM_SHA_256',
        ...(entry.Description === undefined || entry.Description === ''
          ? {}
          : { Description: entry.Description }),
      })),
      ...(Object.keys(applied).length === 0 && now.length === 0
        ? {}
        : { Tags: now.map(([Key, Value]) => ({ Key, Value })) }),
    };
  });

const targetGroup: LiveReader = (clients, resource, physicalId) =>
  orGone(async () => {
    // CloudFormation's physical id of a target group is its ARN, which RDS does not take to look it up.
    const name = proxyOf(resource.properties['DBProxyName'], physicalId);
    const [groups, targets] = await Promise.all([
      clients.rds.send(new DescribeDBProxyTargetGroupsCommand({ DBProxyName: name })),
      clients.rds.send(new DescribeDBProxyTargetsCommand({ DBProxyName: name })),
    ]);
    const pool = groups.TargetGroups?.[0]?.ConnectionPoolConfig;
    const instances = (targets.Targets ?? [])
      .filter((target) => target.Type === 'RDS_INSTANCE' && target.TrackedClusterId === undefined)
      .map((target) => target.RdsResourceId);
    return {
      ...(resource.properties['DBInstanceIdentifiers'] === undefined
        ? {}
        : { DBInstanceIdentifiers: instances }),
      ConnectionPoolConfigurationInfo: {
        MaxConnectionsPercent: pool?.MaxConnectionsPercent,
        MaxIdleConnectionsPercent: pool?.MaxIdleConnectionsPercent,
        ConnectionBorrowTimeout: pool?.ConnectionBorrowTimeout,
        ...(pool?.InitQuery === undefined || pool.InitQuery === ''
          ? {}
          : { InitQuery: pool.InitQuery }),
      },
    };
  });

const logGroup: LiveReader = async (clients, _resource, name) => {
  const answer = await clients.logs.send(
    new DescribeLogGroupsCommand({ logGroupNamePrefix: name }),
  );
  const live = answer.logGroups?.find((group) => group.logGroupName === name);
  return live === undefined ? undefined : { RetentionInDays: live.retentionInDays };
};

function proxyOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}

/** The resources of the managed engine. */
export const liveManaged: Readonly<Record<string, LiveReader>> = {
  'AWS::RDS::DBProxy': proxy,
  'AWS::RDS::DBProxyTargetGroup': targetGroup,
  'AWS::Logs::LogGroup': logGroup,
};
