import assert from 'node:assert/strict';
import { after, before, suite } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Postgres, PostgresOptions } from '@sluice/testkit';
import { startDatabase } from './database.ts';
import { triesAll } from './extent.ts';
import { RawClient } from './raw-client.ts';
import type { Address, LoginOptions } from './raw-client.ts';
import { Sluice } from './sluice.ts';

/** The path of a scenario to the database: directly, as a control, or through a daemon on one of the runtimes. */
export type RouteName = 'direct' | 'node' | 'bun';

const allRoutes: readonly RouteName[] = ['direct', 'node', 'bun'];

/** The sample for scenarios about statements, which the same code decides on both runtimes. */
export const onOneRuntime: readonly RouteName[] = ['node'];

/** Where a test registers its cleanup: the context of `node:test`. */
export interface Owner {
  readonly after: (clean: () => void | Promise<void>) => void;
}

/** The common environment of the scenarios on one route. */
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

  /** The daemon; the direct route has none. */
  get sluice(): Sluice {
    assert(this.#sluice !== undefined, 'the direct route has no daemon');
    return this.#sluice;
  }

  /** The address and the credentials of clients. */
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

  /** A raw client that has logged in; it is destroyed at the end of the test. */
  async login(owner: Owner, options: LoginOptions = {}): Promise<RawClient> {
    const client = await this.open(owner);
    await client.login(options);
    return client;
  }

  /** A raw client that is connected and has sent nothing. */
  async open(owner: Owner): Promise<RawClient> {
    const client = await RawClient.open(this.address);
    owner.after(() => client.end());
    return client;
  }

  /** The connections of the database, except the one that runs this query and the daemon's health check. */
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

  /** Waits until no connection of the database is busy or in a transaction. */
  async quiet(): Promise<void> {
    await eventually(async () => {
      const busy = (await this.backends()).filter(({ state }) => state !== 'idle');
      assert.deepEqual(busy, [], 'server connections are still busy');
    });
  }
}

/** The options of a file of scenarios. */
export interface RouteOptions {
  /** Settings of the daemon. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly postgres?: PostgresOptions;
  /** The limit of the daemon's file descriptors. Default: that of the test. */
  readonly descriptors?: number;
  /** The routes to use. Default: all three. */
  readonly routes?: readonly RouteName[];
  /**
   * Those of them that `npm test` uses; `npm run test:all` uses all. Default: without the control, which has its own
   * run: `npm run test:direct`.
   */
  readonly sample?: readonly RouteName[];
}

/**
 * Declares a suite for each route, with one database for all of them. A suite fails if it leaves something behind:
 * server connections that are busy after the last test, a daemon that does not drain, connections that outlive the
 * daemon.
 */
export function onEachRoute(
  title: string,
  options: RouteOptions,
  declare: (route: () => Route) => void,
): void {
  const wanted = process.env['SLUICE_TEST_ROUTES']?.split(',');
  const { routes = allRoutes } = options;
  const { sample = routes.filter((name) => name !== 'direct') } = options;
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

/** Retries until it succeeds; fails with the last error after some seconds. */
export async function eventually<Result>(
  check: () => Promise<Result> | Result,
  patienceMs = 30_000,
): Promise<Result> {
  const deadline = performance.now() + patienceMs;
  // With increasing pauses, up to a tenth of a second, so that the observed process can work in between.
  for (let pause = 10; ; pause = Math.min(100, pause * 1.5)) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(pause);
    }
  }
}
