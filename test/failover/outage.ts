import { after } from 'node:test';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FaultProxy, startCluster } from '@sluice/testkit';
import type { Cluster, Postgres } from '@sluice/testkit';
import { startProxy } from '@sluice/proxy';
import type { RunningProxy, ReportedFailover } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';
import type { Settings } from '@sluice/proxy/settings';
import { Client } from 'pg';
import { frugal } from '../helpers/database.ts';
import type { Owner } from '../helpers/routes.ts';

const templates = path.resolve(import.meta.dirname, '../../.cache/postgres-templates');

/** Cleans up after a hook of a suite; create it in the suite's own block. */
export function suiteOwner(): Owner {
  const cleans: (() => void | Promise<void>)[] = [];
  after(async () => {
    for (const clean of cleans.toReversed()) await clean();
  });
  return { after: (clean) => void cleans.push(clean) };
}

/** The response of `/targets`. */
export interface GroupView {
  readonly writer: string | null;
  readonly readers: readonly string[];
  readonly paused: boolean;
  readonly targets: readonly {
    readonly target: string;
    readonly state: string;
    readonly reason?: string;
    readonly message?: string;
    readonly role: string | null;
    readonly timeline: number | null;
    readonly leases: number;
  }[];
  readonly failovers: readonly ReportedFailover[];
}

/** A cluster, a network in front of each of its servers, and a proxy for all of them. */
export class Outage {
  readonly cluster: Cluster;
  readonly proxy: RunningProxy;
  readonly #networks: ReadonlyMap<Postgres, FaultProxy>;
  readonly #clients: Client[] = [];
  #settings: Settings;

  private constructor(
    cluster: Cluster,
    proxy: RunningProxy,
    networks: ReadonlyMap<Postgres, FaultProxy>,
    settings: Settings,
  ) {
    this.#settings = settings;
    this.cluster = cluster;
    this.proxy = proxy;
    this.#networks = networks;
  }

  /** Starts everything; it stops with its owner, a test or a suite. */
  static async start(
    owner: Owner,
    settings: Partial<Settings> = {},
    standbys = 1,
  ): Promise<Outage> {
    const cluster = await startCluster({
      templates,
      password: 'lab',
      synchronous: true,
      standbys,
      parameters: frugal,
    });
    /** The cleanup steps, run in reverse order. */
    const undo: (() => Promise<void>)[] = [() => cluster.stop()];
    owner.after(async () => {
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
    const all = createSettings({
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
    });
    const proxy = await startProxy(all);
    undo.push(() => proxy.stop());
    const outage = new Outage(cluster, proxy, networks, all);
    undo.push(() => outage.#endClients());
    return outage;
  }

  /** The network between the proxy and a server. */
  network(server: Postgres): FaultProxy {
    const network = this.#networks.get(server);
    if (network === undefined) throw new Error('the server came later than the proxy');
    return network;
  }

  /** The proxy's name for a server. */
  nameOf(server: Postgres): string {
    const { host, port } = this.network(server);
    return `${host}:${port}`;
  }

  /** A client that has logged in at an endpoint. An error outside a query fails the test. */
  async client(endpointName = 'default'): Promise<Client> {
    const { user, password, database } = this.cluster.primary;
    const endpoint = this.proxy.endpoints.find(({ name }) => name === endpointName);
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

  /** The settings of the proxy. */
  get settings(): Settings {
    return this.#settings;
  }

  /** Changes settings of the running proxy. */
  async reload(settings: Partial<Settings>): Promise<void> {
    this.#settings = { ...this.#settings, ...settings };
    await this.proxy.reload(this.#settings);
  }

  /** A URL of the admin port. */
  admin(place: string): string {
    return `http://127.0.0.1:${this.proxy.admin.port}${place}`;
  }

  /** Sends a POST to the admin port. */
  async post(place: string): Promise<unknown> {
    const response = await fetch(this.admin(place), { method: 'POST' });
    return response.json();
  }

  async metrics(): Promise<string> {
    const response = await fetch(this.admin('/metrics'));
    return response.text();
  }

  /** The target group according to the admin port. */
  async view(): Promise<GroupView> {
    const response = await fetch(this.admin('/targets'));
    const view: unknown = await response.json();
    return view as GroupView;
  }

  /** Polls the view until it fulfils the condition. */
  async until(wanted: (view: GroupView) => boolean): Promise<GroupView> {
    for (;;) {
      const view = await this.view();
      if (wanted(view)) return view;
      // The proxy runs in this process and needs the event loop.
      await delay(10);
    }
  }

  async #endClients(): Promise<void> {
    for (const client of this.#clients) await client.end().catch(() => undefined);
  }
}
