import { createHash } from 'node:crypto';
import { startProxy } from '@sluice/proxy';
import type { RunningProxy } from '@sluice/proxy';
import { createSettings } from '@sluice/proxy/settings';

/** Settings of the proxy of a pooled lane, which override those of the stage. */
type ProxySettings = Parameters<typeof createSettings>[0];
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import { RawClient } from '../helpers/raw-client.ts';
import type { Address } from '../helpers/raw-client.ts';
import { Watch } from '../isolation/watch.ts';
import { Lane, addressOf, connectTo } from './lane.ts';
import type { Side } from './lane.ts';
import type { Connect } from './player.ts';
import { reusing } from './reuse.ts';
import { customParameters, foreignSql, logins, worldDatabase, worldSql } from './world.ts';

/** The servers with the world of the scripts, and the proxies in front of them. */
export class Stage {
  readonly #closers: (() => Promise<void>)[] = [];
  /** Whether there is code whose state no reset removes. */
  readonly #isForeign: boolean;
  readonly #settings: ProxySettings;

  constructor({
    isForeign = false,
    settings = {},
  }: { readonly isForeign?: boolean; readonly settings?: ProxySettings } = {}) {
    this.#isForeign = isForeign;
    this.#settings = settings;
  }

  /** A lane from direct connections to a proxy, whose pool has this many connections. */
  async pooledLane(connections: number): Promise<Lane> {
    const direct = await this.usedSide();
    const server = await this.#startServer();
    const watch = await Watch.open(server, worldDatabase);
    let stop = (): Promise<void> => Promise.resolve();
    let hurry = stop;
    const renew = async (): Promise<Connect> => {
      await stop();
      const proxy = await startProxyBefore(server, connections, this.#settings);
      stop = () => proxy.stop();
      const endpoint = proxy.endpoints[0];
      if (endpoint === undefined) throw new Error('the proxy has no endpoint');
      const { host, port } = endpoint;
      const address = { ...addressOf(server), host, port };
      await teach(address);
      // A separate pool, so that none of the scripts' connections is used.
      const hurrier = await RawClient.login({ ...address, database: 'postgres' });
      hurry = async () => {
        await hurrier.rows('ALTER ROLE CURRENT_USER IN DATABASE postgres RESET ALL');
      };
      stop = async () => {
        hurrier.destroy();
        await proxy.stop();
      };
      return connectTo(address);
    };
    this.#closers.push(() => stop());
    const got = { server, connect: await renew(), renew, hurry: () => hurry(), watch };
    this.#closers.push(async () => watch.close());
    return this.lane(direct, got, connections);
  }

  /** Direct connections to a separate server. */
  async directSide(): Promise<Side> {
    const server = await this.#startServer();
    const connect = connectTo(addressOf(server));
    // PostgreSQL evaluates the facts at each login.
    return { server, connect, hurry: () => Promise.resolve() };
  }

  /** Direct connections that are reused after DISCARD ALL. */
  async usedSide(): Promise<Side> {
    const side = await this.directSide();
    return { ...side, connect: reusing(side.connect), connectAgain: side.connect };
  }

  async lane(expected: Side, got: Side, connections: number): Promise<Lane> {
    const lane = await Lane.open(expected, got, connections);
    this.#closers.push(() => lane.close());
    return lane;
  }

  async #startServer(): Promise<Postgres> {
    // Authentication is trust: logins are most of the cost of a short script, and other tests cover them.
    const server = await startDatabase({
      auth: 'trust',
      maxConnections: 100,
      database: worldDatabase,
      parameters: customParameters,
    });
    this.#closers.push(() => server.stop('immediate'));
    const client = await RawClient.login(addressOf(server));
    for (const text of worldSql) await client.rows(text);
    if (this.#isForeign) await client.rows(foreignSql);
    await client.end();
    return server;
  }

  async close(): Promise<void> {
    for (const close of this.#closers.toReversed()) await close();
  }
}

function startProxyBefore(
  server: Postgres,
  connections: number,
  settings: ProxySettings,
): Promise<RunningProxy> {
  const { host, port, user, password } = server;
  return startProxy(
    createSettings({
      ListenPort: 0,
      AdminPort: 0,
      TargetHost: host,
      TargetPort: port,
      PoolSize: connections,
      // No session has to wait long; if one does, it gets an error, which is a difference.
      ConnectionBorrowTimeout: 5,
      LogLevel: 'fatal',
      ...settings,
      // MD5 is cheaper for a client than SCRAM.
      Users: [user, ...logins].map((name) => ({
        UserName: name,
        Verifier: `md5${md5(password + name)}`,
      })),
    }),
  );
}

/** The application names of sessions in scripts. */
const applications = ['', 'web', 'job', 'till', 'desk 2', 'other', 'sluice'];

/**
 * What a proxy must have seen before it behaves exactly (docs/pinning.md, "Differences from a direct connection"):
 * these applications use currval() or lastval().
 */
async function teach(address: Address): Promise<void> {
  for (const name of applications) {
    const client = await RawClient.login(address, { parameters: { application_name: name } });
    await client.query('SELECT lastval()');
    await client.end();
  }
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
