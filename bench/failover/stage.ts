import { FaultProxy, startCluster } from '@sluice/lab';
import type { Cluster, Postgres } from '@sluice/lab';
import { Client } from 'pg';
import { Daemon } from './daemon.ts';

/** What all rounds share: a cluster, the network before each server, a daemon, and idle clients. */
export class Stage {
  readonly cluster: Cluster;
  readonly daemon: Daemon;
  readonly #networks: ReadonlyMap<Postgres, FaultProxy>;
  readonly #idle: Client[] = [];
  /** Errors that idle clients got; there must be none. */
  idleErrors = 0;

  private constructor(
    cluster: Cluster,
    daemon: Daemon,
    networks: ReadonlyMap<Postgres, FaultProxy>,
  ) {
    this.cluster = cluster;
    this.daemon = daemon;
    this.#networks = networks;
  }

  /** A commit waits for the standby, so that a promotion can lose no acknowledged row of either lane. */
  static async start(idle: number): Promise<Stage> {
    const cluster = await startCluster({ synchronous: true });
    const networks = new Map<Postgres, FaultProxy>();
    for (const server of cluster.servers) networks.set(server, await FaultProxy.start(server));
    const { user, password } = cluster.primary;
    await cluster.primary.query('CREATE TABLE rows (lane text, id int)');
    const [first, ...others] = [...networks.values()];
    if (first === undefined) throw new Error('a cluster has a server');
    const daemon = await Daemon.start({
      TargetHost: first.host,
      TargetPort: first.port,
      Targets: others.map(({ host, port }) => ({ Host: host, Port: port })),
      TargetTlsMode: 'disable',
      PoolSize: 20,
      Users: [{ UserName: user, Password: password }],
    });
    const stage = new Stage(cluster, daemon, networks);
    for (let i = 0; i < idle; i++) {
      const client = new Client({ connectionString: stage.proxyUrl });
      client.on('error', () => stage.idleErrors++);
      await client.connect();
      stage.#idle.push(client);
    }
    return stage;
  }

  get proxyUrl(): string {
    return this.#url('127.0.0.1', this.daemon.port);
  }

  /** To a server through its network, around the daemon. */
  directUrl(server: Postgres): string {
    const { host, port } = this.network(server);
    return this.#url(host, port);
  }

  network(server: Postgres): FaultProxy {
    const network = this.#networks.get(server);
    if (network === undefined) throw new Error('the server came later than the networks');
    return network;
  }

  /** Asks something of every idle client: how many answered. */
  async idleAlive(): Promise<number> {
    const answers = await Promise.allSettled(this.#idle.map((client) => client.query('SELECT 1')));
    return answers.filter(({ status }) => status === 'fulfilled').length;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#idle.map((client) => client.end().catch(() => undefined)));
    await this.daemon.stop();
    for (const network of this.#networks.values()) await network.stop();
    await this.cluster.stop();
  }

  #url(host: string, port: number): string {
    const { user, password, database } = this.cluster.primary;
    return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  }
}
