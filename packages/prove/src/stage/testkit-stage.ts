import { isWorkResponse } from '@sluice/proxy/admin-json';
import { FaultProxy, failOver, repairCluster, startCluster } from '@sluice/testkit';
import type { Cluster, FailoverKind, Postgres } from '@sluice/testkit';
import { Client } from 'pg';
import { setTimeout as delay } from 'node:timers/promises';
import { ProxyProcess } from './proxy-process.ts';

/** The options of a stage. */
export interface StageOptions {
  /** The maximum number of server connections of the proxy. */
  readonly poolSize: number;
  /** `max_connections` of the servers. Default 100, as in PostgreSQL. */
  readonly maxConnections?: number;
  /**
   * Puts a network that can be interrupted in front of each server. It runs in this process, so the speed of this stage
   * is not meaningful then. Default false.
   */
  readonly networks?: boolean;
  /** Further settings of the proxy. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The times of a failover, in milliseconds of the wall clock. */
export interface FailoverTimes {
  readonly faultAt: number;
  /** When the standby accepted writes. */
  readonly promotedAt: number;
  readonly former: Postgres;
}

/** A primary with a standby, and Sluice in front of them, all on this machine. */
export class TestkitStage {
  readonly cluster: Cluster;
  readonly proxy: ProxyProcess;
  readonly #networks: ReadonlyMap<Postgres, FaultProxy>;

  private constructor(
    cluster: Cluster,
    proxy: ProxyProcess,
    networks: ReadonlyMap<Postgres, FaultProxy>,
  ) {
    this.cluster = cluster;
    this.proxy = proxy;
    this.#networks = networks;
  }

  /** A commit waits for the standby, so that a promotion loses no acknowledged row on any path. */
  static async start(options: StageOptions): Promise<TestkitStage> {
    const { poolSize, maxConnections, parameters, signal } = options;
    const cluster = await startCluster({
      synchronous: true,
      ...(maxConnections === undefined ? {} : { maxConnections }),
      ...(parameters === undefined ? {} : { parameters }),
      ...(signal === undefined ? {} : { signal }),
    });
    const networks = new Map<Postgres, FaultProxy>();
    try {
      if (options.networks === true) {
        for (const server of cluster.servers) networks.set(server, await FaultProxy.start(server));
      }
      const { user, password } = cluster.primary;
      const addresses = cluster.servers.map((server) => networks.get(server) ?? server);
      const [first, ...others] = addresses.map(({ host, port }) => ({ Host: host, Port: port }));
      if (first === undefined) throw new Error('a cluster has a server');
      const proxy = await ProxyProcess.start({
        TargetHost: first.Host,
        TargetPort: first.Port,
        Targets: others,
        TargetTlsMode: 'disable',
        PoolSize: poolSize,
        Users: [{ UserName: user, Password: password }],
        ...options.settings,
      });
      return new TestkitStage(cluster, proxy, networks);
    } catch (error) {
      for (const network of networks.values()) await network.stop();
      await cluster.stop();
      throw error;
    }
  }

  /** Through Sluice. */
  get proxyUrl(): string {
    return this.#url('127.0.0.1', this.proxy.port);
  }

  /** Directly to a server. */
  directUrl(server: Postgres): string {
    const { host, port } = this.#networks.get(server) ?? server;
    return this.#url(host, port);
  }

  network(server: Postgres): FaultProxy {
    const network = this.#networks.get(server);
    if (network === undefined) throw new Error('this stage has no network before its servers');
    return network;
  }

  /** Makes the primary fail and promotes the standby; `promoted` is called when the standby accepts writes. */
  async failOver(
    kind: FailoverKind,
    promoted: (standby: Postgres) => void,
  ): Promise<FailoverTimes> {
    const [standby] = this.cluster.standbys;
    if (standby === undefined) throw new Error('the cluster has lost its standby');
    const { proxy } = this;
    const faultAt = Date.now();
    const [former, promotedAt] = await Promise.all([
      failOver(this.cluster, kind, {
        network: (server) => this.network(server),
        pause: async () => {
          while ((await proxy.request('POST', '/pause', isWorkResponse)).quiet !== true)
            await delay(2);
        },
        resume: async () => {
          await proxy.request('POST', '/resume', isWorkResponse);
        },
      }),
      takesWrites(standby).then((at) => {
        promoted(standby);
        return at;
      }),
    ]);
    return { faultAt, promotedAt, former };
  }

  /** Makes the former primary a standby of the new one. */
  async repair(former: Postgres): Promise<void> {
    const network = this.#networks.get(former);
    if (network !== undefined) {
      await repairCluster(this.cluster, former, network);
      return;
    }
    await former.shutdown('immediate');
    await this.cluster.rejoin(former);
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    for (const network of this.#networks.values()) await network.stop();
    await this.cluster.stop();
  }

  #url(host: string, port: number): string {
    const { user, password, database } = this.cluster.primary;
    return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  }
}

/** When the standby stops being a standby, to within a few milliseconds. */
async function takesWrites(standby: Postgres): Promise<number> {
  const client = new Client({ connectionString: standby.url });
  await client.connect();
  try {
    for (;;) {
      const { rows } = await client.query<{ standby: boolean }>(
        'SELECT pg_is_in_recovery() AS standby',
      );
      if (rows[0]?.standby === false) return Date.now();
      await delay(2);
    }
  } finally {
    await client.end();
  }
}
