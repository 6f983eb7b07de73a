import type { Inputs } from '../inputs/table.ts';

type Named = Pick<Inputs, 'DBProxyName' | 'rds_instance_id' | 'DBClusterIdentifier' | 'Workspace'>;

/** The database: its instance, or the cluster if no instance is named. */
export function databaseName(
  inputs: Pick<Inputs, 'rds_instance_id' | 'DBClusterIdentifier'>,
): string {
  return inputs.rds_instance_id ?? inputs.DBClusterIdentifier ?? '';
}

/** The proxy's name, unless a replacement needed another one. */
export function baseName(inputs: Named): string {
  return inWorkspace(inputs.DBProxyName ?? databaseName(inputs), inputs);
}

/**
 * The stack of these inputs; the same for both engines, so that a change of the engine is an update. A proxy with an
 * explicit name has a separate stack: a second proxy of a database never replaces the first.
 */
export function stackName(inputs: Named & Pick<Inputs, 'StackName'>): string {
  return inWorkspace(
    inputs.StackName ?? `sluice-${inputs.DBProxyName ?? databaseName(inputs)}`,
    inputs,
  );
}

function inWorkspace(name: string, { Workspace }: Pick<Inputs, 'Workspace'>): string {
  return Workspace === undefined ? name : `${name}-${Workspace}`;
}

/** Where RDS Proxy writes its logs; AWS determines the name. */
export function proxyLogGroup(proxyName: string): string {
  return `/aws/rds/proxy/${proxyName}`;
}

/** Where Sluice's tasks write their logs. */
export function serviceLogGroup(proxyName: string): string {
  return `/sluice/${proxyName}`;
}

/** The secrets of the database's users, as the inputs name them; the first one is rds_secret_name, if it is given. */
export function secretNames(inputs: Pick<Inputs, 'rds_secret_name' | 'Auth'>): string[] {
  return [
    ...(inputs.rds_secret_name === undefined ? [] : [inputs.rds_secret_name]),
    ...inputs.Auth.map((entry) => entry.SecretName),
  ];
}

/** Whether the stack adds a rule for the proxy to the groups of the database. */
export function allowsDatabaseIngress(
  inputs: Pick<Inputs, 'AllowDatabaseIngress' | 'engine'>,
): boolean {
  return inputs.AllowDatabaseIngress ?? inputs.engine === 'sluice';
}

/**
 * Whether engine sluice logs in to the database with IAM tokens. A database user that may log in with a token (role
 * rds_iam) can no longer log in with its password. Therefore, if clients use tokens, the daemon does, too.
 */
export function usesDatabaseTokens(
  inputs: Pick<Inputs, 'DefaultAuthScheme' | 'IAMAuth' | 'Auth' | 'SluiceSettings'>,
): boolean {
  return (
    inputs.DefaultAuthScheme === 'IAM_AUTH' ||
    [inputs, ...inputs.Auth].some(({ IAMAuth }) => IAMAuth === 'REQUIRED') ||
    inputs.SluiceSettings['TargetIamAuth'] === 'true'
  );
}
