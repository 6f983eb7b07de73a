import { Duration } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { ManagedProxyAuth } from '../constructs/managed-proxy-props.ts';
import type { SharedProxyProps } from '../constructs/shared-proxy-props.ts';
import { inputTable } from '../inputs/table.ts';
import type { Model } from '../model/model.ts';
import { retention } from './retention.ts';
import { importSecret } from './secrets.ts';

/** The properties that both constructs derive from the same inputs, and the database users. */
export function sharedOptions(
  scope: Construct,
  { inputs, resolved, secrets }: Model,
): SharedProxyProps & { readonly auth: readonly ManagedProxyAuth[] } {
  return {
    auth: secrets.map((entry, index) => ({
      secret: importSecret(scope, `Secret${index}`, entry),
      iamAuth: entry.iamAuth,
      clientPasswordAuthType: entry.clientPasswordAuthType,
      ...(entry.description === undefined ? {} : { description: entry.description }),
    })),
    defaultAuthScheme: inputs.DefaultAuthScheme,
    requireTLS: inputs.RequireTLS,
    idleClientTimeout: Duration.seconds(inputs.IdleClientTimeout),
    debugLogging: inputs.DebugLogging,
    borrowTimeout: Duration.seconds(inputs.ConnectionBorrowTimeout),
    maxConnectionsPercent: inputs.MaxConnectionsPercent,
    maxIdleConnectionsPercent: inputs.MaxIdleConnectionsPercent,
    ...(inputs.InitQuery === undefined ? {} : { initQuery: inputs.InitQuery }),
    ...(inputs.RolePath === undefined ? {} : { rolePath: inputs.RolePath }),
    ...(inputs.PermissionsBoundaryArn === undefined
      ? {}
      : { permissionsBoundary: inputs.PermissionsBoundaryArn }),
    // Omitted at IAM's own default.
    ...(inputs.RoleMaxSessionDuration === inputTable.RoleMaxSessionDuration.default
      ? {}
      : { roleMaxSessionDuration: Duration.seconds(inputs.RoleMaxSessionDuration) }),
    logRetention: retention(inputs.LogRetentionInDays),
    ...(inputs.LogKmsKeyArn === undefined
      ? {}
      : { logEncryptionKey: Key.fromKeyArn(scope, 'LogKey', inputs.LogKmsKeyArn) }),
    createLogGroup: inputs.ManageLogGroup && !resolved.log_group_exists,
  };
}
