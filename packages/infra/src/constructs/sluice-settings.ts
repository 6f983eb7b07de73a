import { environmentName, settingsTable } from '@sluice/proxy/settings';
import { mostTasks } from '../model/budget.ts';
import type { SluiceServiceProps } from './sluice-service-props.ts';
import { usesIam } from './validate-sluice-service.ts';

/** The ports of a task: one for clients, and one for the health checks of the load balancer. */
export const ports = { clients: 5432, admin: settingsTable.AdminPort.default } as const;

/**
 * The CloudWatch namespace of the tasks' own metrics, which they write into their log in the embedded metric format.
 */
export const metricNamespace = 'Sluice';

/**
 * The daemon's settings as environment variables. A share of max_connections is divided among the highest possible
 * number of tasks, so that all of them together stay within the share, however many pools they have.
 */
export function environmentFor(props: SluiceServiceProps): Record<string, string> {
  const tasks = mostTasks({ MaxTasks: props.maxTasks ?? 4 });
  const most = props.maxConnectionsPercent ?? 100;
  const idle = props.maxIdleConnectionsPercent ?? Math.floor(most / 2);
  const settings: Readonly<Record<string, string | number | boolean | undefined>> = {
    ListenHost: '0.0.0.0',
    ListenPort: ports.clients,
    // Only the load balancer's group can reach it: the tasks do not have the clients' group.
    AdminHost: '0.0.0.0',
    AdminPort: ports.admin,
    TargetHost: props.target.host,
    TargetPort: props.target.port ?? 5432,
    // The entry point of the image writes the certificate authorities of RDS to a file if the settings name none.
    TargetTlsMode: props.targetTls ?? 'verify-full',
    RequireTLS: props.requireTLS ?? true,
    IdleClientTimeout:
      props.idleClientTimeout?.toSeconds() ?? settingsTable.IdleClientTimeout.default,
    ConnectionBorrowTimeout:
      props.borrowTimeout?.toSeconds() ?? settingsTable.ConnectionBorrowTimeout.default,
    MaxConnectionsPercent: Math.max(1, Math.floor(most / tasks)),
    MaxIdleConnectionsPercent: Math.floor(idle / tasks),
    DebugLogging: props.debugLogging ?? false,
    InitQuery: props.initQuery,
    PoolSize: props.poolSize,
    ...(usesIam(props) ? { TargetIamAuth: true } : {}),
    LogFormat: 'json',
    // Half a minute less than ECS waits between SIGTERM and SIGKILL.
    DrainTimeout: stopTimeoutSeconds - 30,
    ...props.settings,
  };
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) =>
      value === undefined ? [] : [[environmentName(name), String(value)]],
    ),
  );
}

/** The maximum of Fargate. */
export const stopTimeoutSeconds = 120;

/**
 * The settings that are lists. They have no environment variables of their own, so one variable contains them as JSON.
 */
export function listSettings({
  auth = [],
  defaultAuthScheme,
}: Pick<SluiceServiceProps, 'auth' | 'defaultAuthScheme'>): Record<string, unknown> {
  return {
    // Only their names: the daemon reads them itself. ECS would read them at the start and never again.
    ...(auth.length === 0
      ? {}
      : {
          Auth: auth.map(({ secret, iamAuth, clientPasswordAuthType, description }) => ({
            SecretArn: secret.secretArn,
            IAMAuth: iamAuth ?? 'DISABLED',
            ClientPasswordAuthType: clientPasswordAuthType ?? 'POSTGRES_SCRAM_SHA_256',
            ...(description === undefined ? {} : { Description: description }),
          })),
        }),
    ...(defaultAuthScheme === 'IAM_AUTH'
      ? { ClientAuth: [{ Type: 'hostssl', Method: 'iam' }] }
      : {}),
  };
}
