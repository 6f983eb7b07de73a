import { Duration } from 'aws-cdk-lib';
import { Role } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { ManagedProxyTarget } from '../constructs/managed-proxy-target.ts';
import { ManagedProxy } from '../constructs/managed-proxy.ts';
import { ProxyRole } from '../constructs/proxy-role.ts';
import type { Model } from '../model/model.ts';
import { networkOf } from './network-resources.ts';
import { retention } from './retention.ts';
import { importSecret } from './secrets.ts';
import type { StackOutputs } from './outputs.ts';

/** Puts the managed proxy of the model into the stack. */
export function managedResources(scope: Construct, model: Model): StackOutputs {
  const { inputs, resolved } = model;
  const secrets = model.secrets.map((entry, index) => ({
    secret: importSecret(scope, `Secret${index}`, entry),
    iamAuth: entry.iamAuth,
    clientPasswordAuthType: entry.clientPasswordAuthType,
    ...(entry.description === undefined ? {} : { description: entry.description }),
  }));
  const network = networkOf(scope, model);
  const role = inputs.CreateRole
    ? new ProxyRole(scope, 'Role', {
        roleName: inputs.rds_proxy_role,
        secrets: secrets.map((entry) => entry.secret),
      })
    : Role.fromRoleArn(scope, 'Role', resolved.role_arn ?? '', { mutable: false });
  const proxy = new ManagedProxy(scope, 'Proxy', {
    vpc: network.vpc,
    vpcSubnets: { subnets: [...network.subnets] },
    securityGroups: network.groups,
    role,
    dbProxyName: model.proxyName,
    target:
      inputs.DBClusterIdentifier === undefined
        ? ManagedProxyTarget.fromInstanceIdentifier(inputs.rds_instance_id, resolved.database_port)
        : ManagedProxyTarget.fromClusterIdentifier(
            inputs.DBClusterIdentifier,
            resolved.database_port,
          ),
    auth: secrets,
    defaultAuthScheme: inputs.DefaultAuthScheme,
    requireTLS: inputs.RequireTLS,
    idleClientTimeout: Duration.seconds(inputs.IdleClientTimeout),
    debugLogging: inputs.DebugLogging,
    borrowTimeout: Duration.seconds(inputs.ConnectionBorrowTimeout),
    maxConnectionsPercent: inputs.MaxConnectionsPercent,
    maxIdleConnectionsPercent: inputs.MaxIdleConnectionsPercent,
    ...(inputs.InitQuery === undefined ? {} : { initQuery: inputs.InitQuery }),
    endpointNetworkType: inputs.EndpointNetworkType,
    targetConnectionNetworkType: inputs.TargetConnectionNetworkType,
    logRetention: retention(inputs.LogRetentionInDays),
    ...(inputs.LogKmsKeyArn === undefined
      ? {}
      : { logEncryptionKey: Key.fromKeyArn(scope, 'LogKey', inputs.LogKmsKeyArn) }),
    createLogGroup: !resolved.log_group_exists,
    tags: model.tags,
  });
  for (const endpoint of inputs.DBProxyEndpoints) {
    proxy.addEndpoint(`Endpoint${endpoint.DBProxyEndpointName}`, {
      dbProxyEndpointName: endpoint.DBProxyEndpointName,
      targetRole: endpoint.TargetRole,
      ...(endpoint.VpcSubnetIds.length === 0 ? {} : { subnetIds: endpoint.VpcSubnetIds }),
      ...(endpoint.VpcSecurityGroupIds.length === 0
        ? {}
        : { securityGroupIds: endpoint.VpcSecurityGroupIds }),
      ...(endpoint.EndpointNetworkType === undefined
        ? {}
        : { endpointNetworkType: endpoint.EndpointNetworkType }),
    });
  }
  return {
    rds_proxy_endpoint: proxy.endpoint,
    rds_proxy_subnet_ids: model.subnetIds,
    rds_proxy_role_arn: role.roleArn,
    rds_security_group_ids: network.groups.map((group) => group.securityGroupId),
    rds_secret_arn: model.secrets[0]?.arn ?? '',
  };
}
