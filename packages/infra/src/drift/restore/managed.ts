import {
  AssociateKmsKeyCommand,
  CreateLogGroupCommand,
  DisassociateKmsKeyCommand,
  PutRetentionPolicyCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import {
  AddTagsToResourceCommand,
  CreateDBProxyEndpointCommand,
  DeregisterDBProxyTargetsCommand,
  DescribeDBProxiesCommand,
  DescribeDBProxyEndpointsCommand,
  DescribeDBProxyTargetsCommand,
  ListTagsForResourceCommand,
  ModifyDBProxyCommand,
  ModifyDBProxyEndpointCommand,
  ModifyDBProxyTargetGroupCommand,
  RegisterDBProxyTargetsCommand,
  RemoveTagsFromResourceCommand,
  type ConnectionPoolConfiguration,
  type CreateDBProxyEndpointCommandInput,
  type ModifyDBProxyCommandInput,
} from '@aws-sdk/client-rds';
import { setTimeout as wait } from 'node:timers/promises';
import type { Clients } from '../../aws/clients.ts';
import { list, record } from '../../values.ts';
import { clusterOf, instanceOf } from '../live-managed.ts';
import { steps, type Restoration, type Restorer } from './restorer.ts';
import { tagDifference } from './tags.ts';

/** The time between two reads of a proxy that is being modified, in milliseconds. */
const interval = 2000;

const atCreation = 'it is fixed when the resource is created';

/** The properties of a proxy that ModifyDBProxy accepts, by their names in the template. */
const modifiable: Readonly<Record<string, keyof ModifyDBProxyCommandInput>> = {
  Auth: 'Auth',
  RequireTLS: 'RequireTLS',
  IdleClientTimeout: 'IdleClientTimeout',
  DebugLogging: 'DebugLogging',
  RoleArn: 'RoleArn',
  VpcSecurityGroupIds: 'SecurityGroups',
  DefaultAuthScheme: 'DefaultAuthScheme',
};

const proxy: Restorer = {
  fixed: {
    EngineFamily: atCreation,
    VpcSubnetIds: atCreation,
    EndpointNetworkType: atCreation,
    TargetConnectionNetworkType: atCreation,
  },
  async set(restoration) {
    const { clients, id, resource, properties } = restoration;
    const changed = Object.entries(modifiable).filter(([name]) => properties.has(name));
    if (changed.length > 0) {
      const values = changed.map(([name, parameter]) => [
        parameter,
        resource.properties[name] ?? (name === 'DefaultAuthScheme' ? 'NONE' : undefined),
      ]);
      await clients.rds.send(
        new ModifyDBProxyCommand({ DBProxyName: id, ...Object.fromEntries(values) }),
      );
      await available(clients, id);
    }
    await steps(restoration, {
      Tags: async () => {
        const { DBProxies } = await clients.rds.send(
          new DescribeDBProxiesCommand({ DBProxyName: id }),
        );
        await restoreTags(clients, DBProxies?.[0]?.DBProxyArn, resource.properties['Tags']);
      },
    });
  },
  make: 'a new proxy has another endpoint: run sluice aws destroy, then sluice aws apply',
};

/** AWS refuses other changes of a proxy while it is being modified. */
async function available(clients: Clients, name: string): Promise<void> {
  for (;;) {
    const { DBProxies } = await clients.rds.send(
      new DescribeDBProxiesCommand({ DBProxyName: name }),
    );
    if (DBProxies?.[0]?.Status !== 'modifying') {
      return;
    }
    await wait(interval);
  }
}

async function restoreTags(
  clients: Clients,
  arn: string | undefined,
  template: unknown,
): Promise<void> {
  const { TagList } = await clients.rds.send(new ListTagsForResourceCommand({ ResourceName: arn }));
  const { wanted, unwanted } = tagDifference(template, TagList);
  if (unwanted.length > 0) {
    await clients.rds.send(
      new RemoveTagsFromResourceCommand({ ResourceName: arn, TagKeys: [...unwanted] }),
    );
  }
  if (wanted.length > 0) {
    await clients.rds.send(new AddTagsToResourceCommand({ ResourceName: arn, Tags: [...wanted] }));
  }
}

/** The target group of a proxy: its pool settings and its targets. There is one, named default. */
const targetGroup: Restorer = {
  async set({ clients, resource, properties }) {
    const name = String(resource.properties['DBProxyName']);
    const group = { DBProxyName: name, TargetGroupName: 'default' };
    if (properties.has('ConnectionPoolConfigurationInfo')) {
      await clients.rds.send(
        new ModifyDBProxyTargetGroupCommand({
          ...group,
          ConnectionPoolConfig: poolOf(resource.properties['ConnectionPoolConfigurationInfo']),
        }),
      );
    }
    const { Targets: targets = [] } = await clients.rds.send(
      new DescribeDBProxyTargetsCommand({ DBProxyName: name }),
    );
    for (const [property, live] of [
      ['DBInstanceIdentifiers', targets.flatMap(instanceOf)],
      ['DBClusterIdentifiers', [...new Set(targets.flatMap(clusterOf))]],
    ] as const) {
      const wanted = list(resource.properties[property]).map(String);
      const surplus = live.filter((target) => !wanted.includes(target));
      const missing = wanted.filter((target) => !live.includes(target));
      // A proxy has one target: the wrong one is removed before the right one is added.
      if (properties.has(property) && surplus.length > 0) {
        await clients.rds.send(
          new DeregisterDBProxyTargetsCommand({ ...group, [property]: surplus }),
        );
      }
      if (properties.has(property) && missing.length > 0) {
        await clients.rds.send(
          new RegisterDBProxyTargetsCommand({ ...group, [property]: missing }),
        );
      }
    }
  },
  make: 'it exists as long as its proxy',
};

/** The pool settings of a template in the form of the RDS API. */
function poolOf(template: unknown): ConnectionPoolConfiguration {
  const pool = record(template);
  return {
    MaxConnectionsPercent: Number(pool['MaxConnectionsPercent']),
    MaxIdleConnectionsPercent: Number(pool['MaxIdleConnectionsPercent']),
    ConnectionBorrowTimeout: Number(pool['ConnectionBorrowTimeout']),
    InitQuery: typeof pool['InitQuery'] === 'string' ? pool['InitQuery'] : '',
  };
}

const endpoint: Restorer = {
  fixed: { VpcSubnetIds: atCreation, TargetRole: atCreation, EndpointNetworkType: atCreation },
  async set(restoration) {
    const { clients, id, resource } = restoration;
    await steps(restoration, {
      VpcSecurityGroupIds: async () =>
        clients.rds.send(
          new ModifyDBProxyEndpointCommand({
            DBProxyEndpointName: id,
            VpcSecurityGroupIds: list(resource.properties['VpcSecurityGroupIds']).map(String),
          }),
        ),
      Tags: async () => {
        const { DBProxyEndpoints } = await clients.rds.send(
          new DescribeDBProxyEndpointsCommand({
            DBProxyName: String(resource.properties['DBProxyName']),
            DBProxyEndpointName: id,
          }),
        );
        const arn = DBProxyEndpoints?.[0]?.DBProxyEndpointArn;
        await restoreTags(clients, arn, resource.properties['Tags']);
      },
    });
  },
  make: async ({ clients, resource }) => {
    // The parameters of the call are the properties of the template.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const input = resource.properties as unknown as CreateDBProxyEndpointCommandInput;
    await clients.rds.send(new CreateDBProxyEndpointCommand(input));
  },
};

const logGroup: Restorer = {
  fixed: { LogGroupClass: 'it is fixed when the log group is created' },
  async set(restoration) {
    const { clients, id, resource } = restoration;
    await steps(restoration, {
      RetentionInDays: async () => retain(restoration),
      KmsKeyId: async () => {
        const key = resource.properties['KmsKeyId'];
        await (typeof key !== 'string'
          ? clients.logs.send(new DisassociateKmsKeyCommand({ logGroupName: id }))
          : clients.logs.send(new AssociateKmsKeyCommand({ logGroupName: id, kmsKeyId: key })));
      },
    });
  },
  make: async (restoration) => {
    const { clients, id, resource } = restoration;
    const key = resource.properties['KmsKeyId'];
    await clients.logs.send(
      new CreateLogGroupCommand({
        logGroupName: id,
        ...(typeof key === 'string' ? { kmsKeyId: key } : {}),
        ...(resource.properties['LogGroupClass'] === 'INFREQUENT_ACCESS'
          ? { logGroupClass: 'INFREQUENT_ACCESS' as const }
          : {}),
      }),
    );
    await retain(restoration);
  },
};

async function retain({ clients, id, resource }: Restoration): Promise<void> {
  await clients.logs.send(
    new PutRetentionPolicyCommand({
      logGroupName: id,
      retentionInDays: Number(resource.properties['RetentionInDays']),
    }),
  );
}

/** The resources of the managed engine, and the log group that both have. */
export const restoreManaged: Readonly<Record<string, Restorer>> = {
  'AWS::RDS::DBProxy': proxy,
  'AWS::RDS::DBProxyTargetGroup': targetGroup,
  'AWS::RDS::DBProxyEndpoint': endpoint,
  'AWS::Logs::LogGroup': logGroup,
};
