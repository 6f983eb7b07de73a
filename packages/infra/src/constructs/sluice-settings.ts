import { environmentName, settingsTable } from '@sluice/proxy/settings';
import { mostTasks } from '../model/budget.ts';
import type { SluiceServiceProps } from './sluice-service-props.ts';
import { usesIam } from './validate-sluice-service.ts';

/** The ports of a task: clients connect to the first, the balancer asks the second for health. */
export const ports = { clients: 5432, admin: settingsTable.AdminPort.default } as const;

/** Where the tasks' own metrics are: they write them into their log, in CloudWatch's embedded format. */
export const metricNamespace = 'Sluice';

/**
 * The daemon's settings as environment variables. Shares of max_connections are divided among the most tasks there can
 * be at once, so that all of them together stay within the share, whatever pools they have.
 */
export function environmentFor(props: SluiceServiceProps): Record<string, string> {
  const tasks = mostTasks({ MaxTasks: props.maxTasks ?? 4 });
  const most = props.maxConnectionsPercent ?? 100;
  const idle = props.maxIdleConnectionsPercent ?? Math.floor(most / 2);
  const settings: Readonly<Record<string, string | number | boolean | undefined>> = {
    ListenHost: '0.0.0.0',
    ListenPort: ports.clients,
    // The balancer's group and no other reaches it: the tasks do not have the clients' group.
    AdminHost: '0.0.0.0',
    AdminPort: ports.admin,
    TargetHost: props.target.host,
    TargetPort: props.target.port ?? 5432,
    // The entry point of the image writes the authorities of RDS to a file, when none is named.
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
    // Half a minute less than the time ECS gives between SIGTERM and SIGKILL.
    DrainTimeout: stopTimeoutSeconds - 30,
    ...props.settings,
  };
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) =>
      value === undefined ? [] : [[environmentName(name), String(value)]],
    ),
  );
}

/** Fargate's longest. */
export const stopTimeoutSeconds = 120;

/** The settings that are lists: no environment variable of their own holds them, so they go into one as JSON. */
export function listSettings({
  auth = [],
  defaultAuthScheme,
}: Pick<SluiceServiceProps, 'auth' | 'defaultAuthScheme'>): Record<string, unknown> {
  return {
    // Their names only: the daemon reads them itself, since ECS would at the start and never again.
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
