import type { EndpointLimits } from './frontend/endpoint.ts';
import { serverLimits } from './backend/limits.ts';
import { memory } from './io/memory.ts';
import type { PoolLimits } from './pool/pool-target.ts';
import type { Settings } from './settings/index.ts';
import type { GroupLimits } from './targets/target-group.ts';

const seconds = 1000;

/** Applies the limits of the process and of each server connection. */
export function limitProcess(settings: Settings): void {
  memory.limit = settings.MaxMemory;
  serverLimits.mostReported = settings.MaxReportedParameters;
  serverLimits.longestMessage = settings.MaxServerMessage;
}

/** The settings for clients. */
export function endpointLimits(settings: Settings): EndpointLimits {
  return {
    clients: settings.MaxClientConnections,
    clientsPerUser: settings.MaxClientConnectionsPerUser,
    clientsPerDatabase: settings.MaxClientConnectionsPerDatabase,
    loginTimeout: settings.ClientLoginTimeout * seconds,
    idleTimeout: settings.IdleClientTimeout * seconds,
    idleInTransactionTimeout: settings.IdleInTransactionTimeout * seconds,
    queryTimeout: settings.QueryTimeout * seconds,
    longestBuffered: settings.MaxBufferedMessage,
    pinNotice: settings.PinNotice,
    session: {
      MaxPreparedStatements: settings.MaxPreparedStatements,
      MaxSessionParameters: settings.MaxSessionParameters,
      MaxListenChannels: settings.MaxListenChannels,
      MaxPortals: settings.MaxPortals,
      MaxSessionMemory: settings.MaxSessionMemory,
      MaxUnreadBytes: settings.MaxUnreadBytes,
      MaxPendingReplies: settings.MaxPendingReplies,
    },
  };
}

/** The settings for the target group. */
export function groupLimits(settings: Settings): GroupLimits {
  return {
    shares: {
      maxConnectionsPercent: settings.MaxConnectionsPercent,
      maxIdleConnectionsPercent: settings.MaxIdleConnectionsPercent,
    },
    health: {
      interval: settings.HealthCheckInterval * seconds,
      timeout: settings.HealthCheckTimeout * seconds,
      failures: settings.HealthCheckFailures,
    },
    pools: (database, user) => poolLimits(settings, database, user),
    readers: { lagLimit: settings.MaxReplicationLag, fallBack: settings.ReadOnlyFallback },
  };
}

/** The first matching entry of `Pools` applies; fields that it omits have the global values. */
function poolLimits(settings: Settings, database: string, user: string): PoolLimits {
  const own = settings.Pools.find(
    (pool) =>
      (pool.Database === '*' || pool.Database === database) &&
      (pool.User === '*' || pool.User === user),
  );
  return {
    size: own?.PoolSize ?? settings.PoolSize,
    minimum: own?.MinPoolSize ?? settings.MinPoolSize,
    initQuery: own?.InitQuery ?? settings.InitQuery,
    borrowTimeout: settings.ConnectionBorrowTimeout * seconds,
    lifetime: settings.ConnectionLifetime * seconds,
    lifetimeJitterPercent: settings.ConnectionLifetimeJitterPercent,
    idleTimeout: settings.ConnectionIdleTimeout * seconds,
    unproven: settings.UnprovenCode,
    interleaving: settings.Interleaving,
    statements: settings.PreparedStatementsPerConnection,
    retryMin: settings.ConnectRetryMin * seconds,
    retryMax: settings.ConnectRetryMax * seconds,
  };
}
