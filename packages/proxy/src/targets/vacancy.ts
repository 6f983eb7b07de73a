import type { Effect } from '../sql/index.ts';
import { AsideConnection } from '../pool/aside-connection.ts';
import type { Pool } from '../pool/pool.ts';

/** What must have no connections for a statement: see `Effect`. */
export type Vacated = Extract<Effect, { readonly kind: 'vacates' }>;

/** How long a statement waits for connections to close, in milliseconds. */
const patience = 5000;

/** The interval between checks whether a database is gone, in milliseconds, and their maximum number. */
const checkInterval = 100;
const mostChecks = 50;

/** The owner of the proxy's connections that block a statement. */
export interface VacancyOwner {
  readonly pools: Iterable<Pool>;
  /**
   * Closes connections to the database that serve no client and are in no pool; `closed` is called for each when it is
   * gone.
   */
  leave(database: string, closing: (closed: Promise<void>) => void): void;
  /** Determines whether the database exists; null: no server can answer at the moment. */
  exists(database: string, done: (exists: boolean | null) => void): void;
  /** The database is gone, with its sessions. */
  dropped(database: string): void;
}

/**
 * A statement that needs a database or a role without connections (for example DROP DATABASE). The proxy closes its
 * connections without a client first, and opens none before the statement has run. Clients count: for each client that
 * is logged in to the database one connection stays, so that PostgreSQL refuses as with direct connections.
 */
export class Vacancy {
  readonly #wants: readonly Vacated[];
  readonly #owner: VacancyOwner;
  readonly #own: Pool;
  readonly #ready: () => void;
  readonly #standIns: AsideConnection[] = [];
  #isReleased = false;
  /** The server processes have exited, or the time to wait for them is over. */
  isReady = false;

  /** `own`: the pool on whose connection the statement runs. `ready` is called once, unless `release` comes first. */
  constructor(wants: readonly Vacated[], own: Pool, owner: VacancyOwner, ready: () => void) {
    this.#wants = wants;
    this.#own = own;
    this.#owner = owner;
    this.#ready = ready;
  }

  /** Closes the blocking connections. */
  async start(): Promise<void> {
    await this.#prepare();
    this.isReady = true;
    for (const database of this.#forced) this.#setEnding(database, true);
    if (!this.#isReleased) this.#ready();
  }

  /** Whether connections of this pool are to stay closed. */
  concerns({ database, user }: Pool): boolean {
    return (
      !this.#isReleased &&
      this.#wants.some((want) =>
        'role' in want ? cut(want.role) === cut(user) : cut(want.database) === cut(database),
      )
    );
  }

  /** Whether the health check must leave the database at the moment. */
  leaves(database: string): boolean {
    return (
      !this.#isReleased &&
      this.#wants.some((want) => 'database' in want && cut(want.database) === cut(database))
    );
  }

  /** Whether this is for a statement with these needs. */
  isFor(wants: readonly Vacated[]): boolean {
    return JSON.stringify(wants) === JSON.stringify(this.#wants);
  }

  /** The statement has run, or never will. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (const standIn of this.#standIns) standIn.close('the statement has run');
    for (const database of this.#forced) this.#check(database, mostChecks);
    for (const pool of this.#owner.pools) pool.grow();
  }

  /** The databases that are dropped with FORCE: their sessions end with them. */
  get #forced(): readonly string[] {
    return this.#wants.flatMap((want) =>
      'database' in want && want.forces ? [want.database] : [],
    );
  }

  /**
   * Ends the clients of the database if it is gone. Until that is known, its connections are still ending: the reply to
   * the statement may arrive before the last words of the server processes that it has terminated.
   */
  #check(database: string, checks: number): void {
    this.#owner.exists(database, (exists) => {
      if (exists === null && checks > 1) {
        setTimeout(() => this.#check(database, checks - 1), checkInterval).unref();
        return;
      }
      if (exists === false) this.#owner.dropped(database);
      this.#setEnding(database, false);
    });
  }

  #setEnding(database: string, isEnding: boolean): void {
    for (const pool of this.#pools((each) => cut(each.database) === cut(database)))
      for (const connection of pool.connections) connection.isEnding = isEnding;
  }

  async #prepare(): Promise<void> {
    const closing: Promise<void>[] = [];
    const add = (closed: Promise<void>): void => void closing.push(closed);
    for (const want of this.#wants) {
      if ('role' in want) {
        for (const pool of this.#pools((each) => cut(each.user) === cut(want.role)))
          pool.closeIdle(Infinity, add);
        continue;
      }
      const pools = this.#pools((each) => cut(each.database) === cut(want.database));
      // oxlint-disable-next-line no-await-in-loop -- nearly always there is one
      const staying = want.forces ? 0 : await this.#clientsOf(pools);
      let surplus = Infinity;
      if (staying > 0) {
        const open = openIn(pools) + this.#standIns.length;
        surplus = open - Number(pools.includes(this.#own)) - staying;
      }
      for (const pool of pools) surplus -= pool.closeIdle(surplus, add);
      if (staying === 0) this.#owner.leave(want.database, add);
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patience);
    });
    await Promise.race([Promise.all(closing), late]);
    clearTimeout(timer);
  }

  /**
   * The clients that are logged in, without the one that runs the statement; PostgreSQL sees at least one connection
   * for them.
   */
  async #clientsOf(pools: readonly Pool[]): Promise<number> {
    const others = (pool: Pool): number => pool.sessions - Number(pool === this.#own);
    const clients = pools.reduce((sum, pool) => sum + others(pool), 0);
    if (clients === 0) return 0;
    const open = openIn(pools);
    const home = pools.find((pool) => others(pool) > 0);
    if (open - Number(pools.includes(this.#own)) > 0 || home === undefined) return clients;
    await new Promise<void>((resolve) => {
      const standIn = AsideConnection.open(
        home,
        { opened: () => resolve(), failed: () => resolve() },
        true,
      );
      if (standIn === null) resolve();
      else this.#standIns.push(standIn);
    });
    return clients;
  }

  #pools(matches: (pool: Pool) => boolean): readonly Pool[] {
    return [...this.#owner.pools].filter(matches);
  }
}

/** Connections that PostgreSQL counts: those that are still being opened are aborted. */
function openIn(pools: readonly Pool[]): number {
  return pools.reduce((sum, { connections }) => sum + connections.size, 0);
}

/** PostgreSQL truncates names to 63 bytes (NAMEDATALEN - 1), and never within a character. */
function cut(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= 63) return name;
  let end = 63;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
