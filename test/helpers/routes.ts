import assert from 'node:assert/strict';
import { after, before, suite } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Postgres, PostgresOptions } from '@sluice/testkit';
import { startDatabase } from './database.ts';
import { triesAll } from './extent.ts';
import { RawClient } from './raw-client.ts';
import type { Address, LoginOptions } from './raw-client.ts';
import { Sluice } from './sluice.ts';

/** How a scenario reaches the database: directly, which is the control, or through a daemon on one of the runtimes. */
export type RouteName = 'direct' | 'node' | 'bun';

const allRoutes: readonly RouteName[] = ['direct', 'node', 'bun'];

/** The sample of scenarios about statements: what becomes of those is decided by the same code on both runtimes. */
export const onOneRuntime: readonly RouteName[] = ['direct', 'node'];

/** The same without the control, where PostgreSQL by itself takes as long as with the daemon. */
export const onlyNode: readonly RouteName[] = ['node'];

/** What a test registers its cleaning with: the context that `node:test` gives it. */
export interface Owner {
  readonly after: (clean: () => void | Promise<void>) => void;
}

/** What the scenarios of one route share. */
export class Route {
  readonly name: RouteName;
  readonly database: Postgres;
  readonly #sluice: Sluice | undefined;

  constructor(name: RouteName, database: Postgres, sluice: Sluice | undefined) {
    this.name = name;
    this.database = database;
    this.#sluice = sluice;
  }

  get isDirect(): boolean {
    return this.#sluice === undefined;
  }

  /** The daemon; there is none on the direct route. */
  get sluice(): Sluice {
    assert(this.#sluice !== undefined, 'the direct route has no daemon');
    return this.#sluice;
  }

  /** Where clients connect, and as whom. */
  get address(): Address {
    const { user, password, database } = this.database;
    const { host, port } = this.#sluice ?? this.database;
    return { host, port, user, password, database };
  }

  /** The address as a URL, for drivers. */
  get url(): string {
    const { host, port, user, password, database } = this.address;
    return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  }

  /** A raw client that has logged in; it vanishes with its test. */
  async login(owner: Owner, options: LoginOptions = {}): Promise<RawClient> {
    const client = await this.open(owner);
    await client.login(options);
    return client;
  }

  /** A raw client that is connected and has said nothing yet. */
  async open(owner: Owner): Promise<RawClient> {
    const client = await RawClient.open(this.address);
    owner.after(() => client.end());
    return client;
  }

  /** The connections that the database has; the one that asks and the daemon's health check left out. */
  backends(): Promise<{ readonly pid: number; readonly state: string; readonly query: string }[]> {
    return this.database.query(
      `SELECT pid, state, query FROM pg_stat_activity
       WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()
         AND application_name <> 'sluice health check'`,
    );
  }

  /** The connections of the daemon's health check. */
  async healthChecks(): Promise<number> {
    const rows = await this.database.query(
      "SELECT FROM pg_stat_activity WHERE application_name = 'sluice health check'",
    );
    return rows.length;
  }

  /** Waits until no connection to the database is busy or within a transaction. */
  async quiet(): Promise<void> {
    await eventually(async () => {
      const busy = (await this.backends()).filter(({ state }) => state !== 'idle');
      assert.deepEqual(busy, [], 'server connections are still busy');
    });
  }
}

/** What a file of scenarios asks for. */
export interface RouteOptions {
  /** Settings of the daemon. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly postgres?: PostgresOptions;
  /** How many descriptors the daemon may have. Default: as many as the test. */
  readonly descriptors?: number;
  /** The routes to take. Default: all three. */
  readonly routes?: readonly RouteName[];
  /** Those of them that `npm test` takes; `npm run test:all` takes all. */
  readonly sample?: readonly RouteName[];
}

/**
 * Declares a suite for each route, on one database of their own. What a suite leaves behind fails it: database
 * connections that are busy after the last test, a daemon that does not drain, connections that outlive the daemon.
 */
export function onEachRoute(
  title: string,
  options: RouteOptions,
  declare: (route: () => Route) => void,
): void {
  const wanted = process.env['SLUICE_TEST_ROUTES']?.split(',');
  const { routes = allRoutes, sample = routes } = options;
  const taken = wanted ?? (triesAll ? routes : sample);
  suite(title, () => {
    let database: Postgres;
    before(async () => {
      database = await startDatabase(options.postgres);
    });
    after(() => database.stop('immediate'));

    for (const name of routes) {
      if (!taken.includes(name)) continue;
      suite(name, () => {
        let route: Route;
        before(async () => {
          const sluice =
            name === 'direct'
              ? undefined
              : await Sluice.start(database, options.settings, name, options.descriptors);
          route = new Route(name, database, sluice);
        });
        declare(() => route);
        after(() => leaveNothing(route));
      });
    }
  });
}

async function leaveNothing(route: Route): Promise<void> {
  try {
    await route.quiet();
    if (!route.isDirect) assert.equal(await route.sluice.stop(), 0, 'exit code of the daemon');
    await eventually(async () => {
      assert.deepEqual(await route.backends(), [], 'server connections were left behind');
      assert.equal(await route.healthChecks(), 0, 'the health check was left behind');
    });
  } finally {
    if (!route.isDirect) await route.sluice.kill();
  }
}

/** Tries again until it holds; fails with the last reason when it does not within some seconds. */
export async function eventually<Result>(
  check: () => Promise<Result> | Result,
  patienceMs = 30_000,
): Promise<Result> {
  const deadline = performance.now() + patienceMs;
  // Ever longer, up to a tenth of a second: what is asked has to do its work meanwhile.
  for (let pause = 10; ; pause = Math.min(100, pause * 1.5)) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(pause);
    }
  }
}
