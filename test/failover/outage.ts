import type { TestContext } from 'node:test';
import path from 'node:path';
import { FaultProxy, startCluster } from '@sluice/lab';
import type { Cluster, Postgres } from '@sluice/lab';
import { startProxy } from '@sluice/proxy';
import type { RunningProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';
import type { Settings } from '@sluice/proxy/settings';
import { Client } from 'pg';

const templates = path.resolve(import.meta.dirname, '../../.cache/postgres-templates');

/** What `/targets` tells. */
export interface GroupView {
  readonly writer: string | null;
  readonly paused: boolean;
  readonly targets: readonly {
    readonly target: string;
    readonly state: string;
    readonly reason?: string;
    readonly role: string | null;
    readonly timeline: number | null;
  }[];
  readonly failovers: readonly {
    readonly evidence: string | null;
    readonly evidenceAt: string | null;
    readonly formerWriter: string;
    readonly why: string;
    readonly detectedAt: string;
    readonly writer: string | null;
    readonly writerFoundAt: string | null;
    readonly held: number;
    readonly firstServedAt: string | null;
  }[];
}

/** A cluster, the network before each of its servers, and a proxy that knows them all. */
export class Outage {
  readonly cluster: Cluster;
  readonly proxy: RunningProxy;
  readonly #networks: ReadonlyMap<Postgres, FaultProxy>;
  readonly #clients: Client[] = [];

  private constructor(
    cluster: Cluster,
    proxy: RunningProxy,
    networks: ReadonlyMap<Postgres, FaultProxy>,
  ) {
    this.cluster = cluster;
    this.proxy = proxy;
    this.#networks = networks;
  }

  /** Starts all; it ends with the test. */
  static async start(t: TestContext, settings: Partial<Settings> = {}): Promise<Outage> {
    const cluster = await startCluster({ templates, password: 'lab', synchronous: true });
    /** Ends what was started, the last first. */
    const undo: (() => Promise<void>)[] = [() => cluster.stop()];
    t.after(async () => {
      for (const step of undo.toReversed()) await step();
    });
    const { user, password } = cluster.primary;
    await cluster.primary.query('CREATE TABLE kept (id int PRIMARY KEY)');
    const networks = new Map<Postgres, FaultProxy>();
    for (const server of cluster.servers) {
      const network = await FaultProxy.start(server);
      undo.push(() => network.stop());
      networks.set(server, network);
    }
    const [first, ...others] = [...networks.values()];
    if (first === undefined) throw new Error('a cluster has a server');
    const proxy = await startProxy(
      createSettings({
        TargetHost: first.host,
        TargetPort: first.port,
        Targets: others.map(({ host, port }) => ({ Host: host, Port: port })),
        TargetTlsMode: 'disable',
        ListenPort: 0,
        AdminPort: 0,
        PoolSize: 5,
        LogLevel: 'fatal',
        Users: [{ UserName: user, Password: password }],
        ...settings,
      }),
    );
    undo.push(() => proxy.stop());
    const outage = new Outage(cluster, proxy, networks);
    undo.push(() => outage.#endClients());
    return outage;
  }

  /** What stands between the proxy and a server. */
  network(server: Postgres): FaultProxy {
    const network = this.#networks.get(server);
    if (network === undefined) throw new Error('the server came later than the proxy');
    return network;
  }

  /** The name that the proxy has for a server. */
  nameOf(server: Postgres): string {
    const { host, port } = this.network(server);
    return `${host}:${port}`;
  }

  /** A client that has logged in at the proxy. An error it gets outside any query fails the test. */
  async client(): Promise<Client> {
    const { user, password, database } = this.cluster.primary;
    const [endpoint] = this.proxy.endpoints;
    const client = new Client({
      host: '127.0.0.1',
      port: endpoint?.port ?? 0,
      user,
      password,
      database,
    });
    this.#clients.push(client);
    await client.connect();
    return client;
  }

  /** A URL of the admin port. */
  admin(place: string): string {
    return `http://127.0.0.1:${this.proxy.admin.port}${place}`;
  }

  /** Asks the admin port to do something. */
  async post(place: string): Promise<unknown> {
    const response = await fetch(this.admin(place), { method: 'POST' });
    return response.json();
  }

  async metrics(): Promise<string> {
    const response = await fetch(this.admin('/metrics'));
    return response.text();
  }

  /** What the admin port tells of the target group. */
  async view(): Promise<GroupView> {
    const response = await fetch(this.admin('/targets'));
    const view: unknown = await response.json();
    return view as GroupView;
  }

  /** Asks for the view until it is as wanted. */
  async until(wanted: (view: GroupView) => boolean): Promise<GroupView> {
    for (;;) {
      const view = await this.view();
      if (wanted(view)) return view;
    }
  }

  async #endClients(): Promise<void> {
    for (const client of this.#clients) await client.end().catch(() => undefined);
  }
}
