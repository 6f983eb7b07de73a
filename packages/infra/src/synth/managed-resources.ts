import { Fn } from 'aws-cdk-lib';
import { Role } from 'aws-cdk-lib/aws-iam';
import { LogGroupClass } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { ManagedProxyTarget } from '../constructs/managed-proxy-target.ts';
import { ManagedProxy } from '../constructs/managed-proxy.ts';
import { ProxyRole } from '../constructs/proxy-role.ts';
import type { Model } from '../model/model.ts';
import { partitionOf } from '../resolve/role-wishes.ts';
import { keepTargetGroup } from './kept-target-group.ts';
import { listenPort, networkOf } from './network-resources.ts';
import { sharedOptions } from './shared-options.ts';
import type { EngineResources } from './extras.ts';

/** Adds the managed proxy of the model to the stack. */
export function managedResources(scope: Construct, model: Model): EngineResources {
  const { inputs, resolved } = model;
  const shared = sharedOptions(scope, model);
  const network = networkOf(scope, model);
  const role = inputs.CreateRole
    ? new ProxyRole(scope, 'Role', {
        roleName: inputs.rds_proxy_role,
        secrets: shared.auth.map((entry) => entry.secret),
        databaseResourceId:
          inputs.DefaultAuthScheme === 'IAM_AUTH' ? resolved.database_resource_id : undefined,
        path: shared.rolePath,
        permissionsBoundary: shared.permissionsBoundary,
        maxSessionDuration: shared.roleMaxSessionDuration,
      })
    : Role.fromRoleArn(scope, 'Role', resolved.role_arn ?? '', { mutable: false });
  const database = {
    port: resolved.database_port,
    // The inputs (AllowDatabaseIngress) decide about the rules of the groups, not the construct.
    securityGroups: [],
    ...(resolved.database_resource_id === undefined
      ? {}
      : { resourceId: resolved.database_resource_id }),
  };
  const proxy = new ManagedProxy(scope, 'Proxy', {
    ...shared,
    vpc: network.vpc,
    vpcSubnets: { subnets: [...network.subnets] },
    securityGroups: network.groups,
    role,
    dbProxyName: model.proxyName,
    target:
      inputs.DBClusterIdentifier === undefined
        ? ManagedProxyTarget.fromInstanceIdentifier(inputs.rds_instance_id ?? '', database)
        : ManagedProxyTarget.fromClusterIdentifier(inputs.DBClusterIdentifier, database),
    endpointNetworkType: inputs.EndpointNetworkType,
    targetConnectionNetworkType: inputs.TargetConnectionNetworkType,
    logGroupClass: LogGroupClass[inputs.LogGroupClass],
    createTargetGroup: !model.adopted,
    tags: model.tags,
  });
  if (model.adopted) {
    keepTargetGroup(scope, model);
  }
  const endpoints = inputs.DBProxyEndpoints.map((endpoint) => {
    const made = proxy.addEndpoint(`Endpoint${endpoint.DBProxyEndpointName}`, {
      dbProxyEndpointName: endpoint.DBProxyEndpointName,
      targetRole: endpoint.TargetRole,
      ...(endpoint.VpcSubnetIds.length === 0 ? {} : { subnetIds: endpoint.VpcSubnetIds }),
      ...(endpoint.VpcSecurityGroupIds.length === 0
        ? {}
        : { securityGroupIds: endpoint.VpcSecurityGroupIds }),
      ...(endpoint.EndpointNetworkType === undefined
        ? {}
        : { endpointNetworkType: endpoint.EndpointNetworkType }),
      tags: endpoint.Tags,
    });
    return [endpoint.DBProxyEndpointName, made.attrEndpoint] as const;
  });
  const id = Fn.select(6, Fn.split(':', proxy.dbProxyArn));
  return {
    outputs: {
      rds_proxy_endpoint: proxy.endpoint,
      rds_proxy_port: String(listenPort),
      rds_proxy_arn: proxy.dbProxyArn,
      rds_proxy_resource_id: id,
      rds_proxy_connect_arn: `arn:${partitionOf(inputs.aws_region)}:rds-db:${inputs.aws_region}:${inputs.aws_account_id}:dbuser:${id}/*`,
      rds_proxy_endpoints: Object.fromEntries(endpoints),
      rds_proxy_subnet_ids: model.subnetIds,
      rds_proxy_role_arn: role.roleArn,
      rds_security_group_ids: network.groups.map((group) => group.securityGroupId),
      rds_secret_arn: model.secrets[0]?.arn ?? '',
    },
  };
}
