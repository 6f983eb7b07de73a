import type { Effect } from '../sql/index.ts';
import { AsideConnection } from '../pool/aside-connection.ts';
import type { Pool } from '../pool/pool.ts';

/** What a statement needs nobody to be connected to: see `Effect`. */
export type Vacated = Extract<Effect, { readonly kind: 'vacates' }>;

/** Connections that are slow to close hold the statement up for so long, in milliseconds. */
const patience = 5000;

/** Where a statement that needs a database to itself finds the proxy's own connections. */
export interface VacancyOwner {
  readonly pools: Iterable<Pool>;
  /** Closes internal connections to the database that stand for no client; `closed` is called for each as it is gone. */
  leave(database: string, closing: (closed: Promise<void>) => void): void;
  /** The database is gone, with those who were in it. */
  dropped(database: string): void;
}

/**
 * A statement needs a database, or a role, that nobody is connected to (DROP DATABASE, for one). Connections that the
 * proxy keeps open for nobody are closed first, and none is opened again before the statement has run. Clients count: for
 * each of those that are logged in to the database a connection stays, so that PostgreSQL refuses as it would directly.
 */
export class Vacancy {
  readonly #wants: readonly Vacated[];
  readonly #owner: VacancyOwner;
  readonly #own: Pool;
  readonly #ready: () => void;
  readonly #standIns: AsideConnection[] = [];
  #isReleased = false;
  /** The server processes are gone, as far as they are to go. */
  isReady = false;

  /** `own`: the pool on whose connection the statement runs. `ready` is called once, unless `release` comes first. */
  constructor(wants: readonly Vacated[], own: Pool, owner: VacancyOwner, ready: () => void) {
    this.#wants = wants;
    this.#own = own;
    this.#owner = owner;
    this.#ready = ready;
  }

  /** Closes what is in the way. */
  async start(): Promise<void> {
    await this.#prepare();
    this.isReady = true;
    this.#end(true);
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

  /** Whether the database is to be left alone for now. */
  leaves(database: string): boolean {
    return (
      !this.#isReleased &&
      this.#wants.some((want) => 'database' in want && cut(want.database) === cut(database))
    );
  }

  /** Whether this is for a statement with these wants. */
  isFor(wants: readonly Vacated[]): boolean {
    return JSON.stringify(wants) === JSON.stringify(this.#wants);
  }

  /** The statement has run, or never will. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#end(false);
    for (const standIn of this.#standIns) standIn.close('the statement has run');
    for (const want of this.#wants)
      if ('database' in want && want.forces) this.#owner.dropped(want.database);
    for (const pool of this.#owner.pools) pool.grow();
  }

  /** Whoever is on a connection to a database that is dropped by force goes with it. */
  #end(isEnding: boolean): void {
    for (const want of this.#wants) {
      if (!('database' in want) || !want.forces) continue;
      for (const pool of this.#pools((each) => cut(each.database) === cut(want.database)))
        for (const connection of pool.connections) connection.isEnding = isEnding;
    }
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

  /** The clients that are logged in, but for who asks; PostgreSQL sees at least one connection for them. */
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

  #pools(isMeant: (pool: Pool) => boolean): readonly Pool[] {
    return [...this.#owner.pools].filter(isMeant);
  }
}

/** Connections that PostgreSQL counts: those that are still being opened are given up. */
function openIn(pools: readonly Pool[]): number {
  return pools.reduce((sum, { connections }) => sum + connections.size, 0);
}

/** PostgreSQL cuts names to 63 bytes (NAMEDATALEN - 1), and never within a character. */
function cut(name: string): string {
  const bytes = Buffer.from(name);
  if (bytes.length <= 63) return name;
  let end = 63;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
