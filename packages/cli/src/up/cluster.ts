import type { FailoverKind, FaultProxy, Postgres } from '@sluice/postgres';
import type { Database } from './database.ts';
import { loadPostgres } from './load-postgres.ts';
import type { UpOptions } from './options.ts';

/** A database with standbys that can fail over. */
export interface ClusterDatabase extends Database {
  /** Makes the primary fail, and promotes a standby; resolves when the former primary follows the new one. */
  readonly failOver: (
    kind: FailoverKind,
    clients: { pause(): Promise<void>; resume(): Promise<void> },
  ) => Promise<void>;
}

/** Starts a PostgreSQL with standbys. The network between the proxy and each server can be interrupted. */
export async function startClusterDatabase(
  options: UpOptions,
  signal: AbortSignal,
): Promise<ClusterDatabase> {
  const { FaultProxy: Network, failOver, repairCluster, startCluster } = await loadPostgres();
  const { maxConnections, standbys } = options;
  const cluster = await startCluster({
    signal,
    standbys,
    synchronous: true,
    ...(maxConnections === undefined ? {} : { maxConnections }),
  });
  const networks = new Map<Postgres, FaultProxy>();
  for (const server of cluster.servers) networks.set(server, await Network.start(server));
  const network = (server: Postgres): FaultProxy => {
    const found = networks.get(server);
    if (found === undefined) throw new Error(`there is no network in front of ${server.url}`);
    return found;
  };
  const { user, password, database, url } = cluster.primary;
  const { host, port } = network(cluster.primary);
  return {
    user,
    password,
    name: database,
    url,
    settings: {
      TargetHost: host,
      TargetPort: port,
      TargetTlsMode: 'disable',
      Targets: cluster.standbys.map((standby) => ({
        Host: network(standby).host,
        Port: network(standby).port,
      })),
    },
    failOver: async (kind, clients) => {
      const former = await failOver(cluster, kind, { network, ...clients });
      await repairCluster(cluster, former, network(former));
    },
    stop: async () => {
      for (const each of networks.values()) await each.stop();
      await cluster.stop();
    },
  };
}
