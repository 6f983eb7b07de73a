import type { ServerConnection } from '../backend/server-connection.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import { quoteText } from '../parameters/parameter-set.ts';
import { decoded, encodedSql } from '../parameters/replay-sql.ts';
import type { PoolTarget } from './pool-target.ts';

/** Queries the values of these parameters after RESET, as SHOW shows them: only those that everybody can set. */
function valuesSql(names: readonly string[]): string {
  const list = names.map(quoteText).join(',');
  return `SELECT pg_catalog.set_config('statement_timeout','0',true),pg_catalog.set_config('search_path','pg_catalog, pg_temp',true);
SELECT lower(name), ${encodedSql('pg_catalog.set_config(name, NULL, true)')} FROM pg_settings WHERE lower(name) = ANY (ARRAY[${list}]) AND context = 'user'`;
}

/** Why connections are closed that started with other values than new ones do, or than those of the sessions. */
export const settingsChanged = 'settings that PostgreSQL applies at login have changed';

/** The maximum time to wait for a connection that can answer, in milliseconds. */
const patience = 2000;

/**
 * Queries the start values of these parameters on a server connection. Existing sessions keep them, although new
 * connections start with others. Only for parameters that the user can set: others could not be replayed. A parameter
 * that is reset for the duration of the query is returned as SHOW shows it.
 */
export class StartValueQuery {
  readonly #names: readonly string[];
  readonly #set: ReadonlyMap<string, string>;
  readonly #until: number;
  readonly #queryServer: PoolTarget['queryServer'];
  readonly #done: (values: ReadonlyMap<string, string>) => void;
  readonly #since = performance.now();
  #isSent = false;
  #isOver = false;
  #isGivenUp = false;
  /** Another connection to the server is queried. */
  #isPending = false;

  /**
   * `set`: the previous values of ALTER ROLE and ALTER DATABASE; they were certainly valid until `until` (in
   * milliseconds of `performance.now()`). `done` is called once.
   */
  constructor(
    names: readonly string[],
    set: ReadonlyMap<string, string>,
    until: number,
    queryServer: PoolTarget['queryServer'],
    done: (values: ReadonlyMap<string, string>) => void,
  ) {
    this.#names = names;
    this.#set = set;
    this.#until = until;
    this.#queryServer = queryServer;
    this.#done = done;
  }

  /** Whether this connection certainly started with the previous values. */
  knows({ loggedInAt }: ServerConnection): boolean {
    return loggedInAt < this.#until;
  }

  /** Runs on this connection, which is closed afterwards; false if the query already ran on another one. */
  run(connection: ServerConnection): boolean {
    if (this.#isSent || this.#isOver || connection.retireReason !== null) return false;
    if (!this.knows(connection)) return false;
    this.#isSent = true;
    connection.retire(settingsChanged);
    connection.run(
      valuesSql(this.#names),
      new InternalQuery(({ rows }) => {
        queueMicrotask(() => connection.close(settingsChanged));
        this.#finish(rows.slice(1), true);
      }),
    );
    return true;
  }

  /** Called at every tick of the coarse clock. */
  tick(): void {
    if (this.#isGivenUp) this.#query();
    else if (performance.now() - this.#since > patience) this.giveUp();
  }

  /**
   * Called when the session's connection cannot answer. A parameter that the session had set has that value. Any other
   * has the server's default, which another connection reports; if there is none, the query waits for one.
   */
  giveUp(): void {
    if (this.#isOver || this.#isGivenUp) return;
    this.#isGivenUp = true;
    if (this.#needsServer) this.#query();
    else this.#finish([], false);
  }

  /** Nobody needs the values. */
  forgo(): void {
    this.#finish([], false);
  }

  /** Only the server knows some of the values: `#finish` cannot derive them. */
  get #needsServer(): boolean {
    return this.#names.some((name) => !name.includes('.') && name !== 'role');
  }

  /** Queries another connection to the server, unless that is under way or takes too long. */
  #query(): void {
    if (this.#isOver || this.#isPending) return;
    this.#isPending = this.#queryServer(valuesSql(this.#names), (rows) => {
      this.#isPending = false;
      if (rows !== null) this.#finish(rows.slice(1), false);
    });
    if (!this.#isPending && performance.now() - this.#since > 2 * patience) this.#finish([], false);
  }

  /** `isOwn`: the rows are from a connection with the previous values. */
  #finish(rows: readonly (readonly (string | null)[])[], isOwn: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const values = new Map<string, string>();
    for (const [name, value] of rows) {
      if (typeof name !== 'string' || typeof value !== 'string') continue;
      const before = isOwn ? undefined : this.#set.get(name);
      values.set(name, before ?? decoded(value));
    }
    for (const name of this.#names) {
      // pg_settings does not show these; anybody can set them to the previous value.
      if (name.includes('.')) values.set(name, this.#set.get(name) ?? '');
      else if (name === 'role') values.set(name, this.#set.get(name) ?? 'none');
    }
    this.#done(values);
  }
}
