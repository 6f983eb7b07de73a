import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import { ProxyError } from '../errors.ts';
import { events } from '../telemetry/events.ts';
import { AsideConnection } from './aside-connection.ts';
import { changedSettings, loginFactsSql, readLoginFacts } from './login-facts.ts';
import type { LoginFacts } from './login-facts.ts';
import { settingsChanged } from './start-value-query.ts';
import type { AsidePool } from './aside-connection.ts';
import type { LoginChanges, PoolTarget } from './pool-target.ts';

/** How long the facts are considered valid, in milliseconds. */
const validity = 900;

/** The same for a refusal, which may have been lifted, and while the server may be about to load its configuration. */
const shortValidity = 20;

/** Whether a client can log in: null, or the error that it gets. */
type Done = (refusal: ErrorFields | null) => void;

/** A pool, as seen by logins. */
export interface LoginPool extends AsidePool {
  readonly name: string;
  readonly database: string;
  readonly user: string;
  readonly isPaused: boolean;
  readonly isVacated: boolean;
  readonly loginChanges: LoginChanges;
  readonly clients: { readonly ofRole: number; readonly ofDatabase: number };
  readonly ownConnections: { readonly ofRole: number; readonly ofDatabase: number };
  readonly queryServer: PoolTarget['queryServer'];
  /**
   * Whether a login was refused because of a CONNECTION LIMIT that no connection of the proxy uses up, so that waiting
   * for one is useless.
   */
  isLimitOfOthers(fields: ErrorFields): boolean;
  /** The server has reloaded its configuration: it may report other values to new clients. */
  configurationRead(): void;
  /** The role or the database was replaced by another one with the same name. */
  replaced(error: ProxyError): void;
  /**
   * Connections start with other values for these parameters; `done` follows when new ones can be opened. `newcomers`
   * is the number of sessions that are logging in, and get the new values.
   */
  renew(
    names: readonly string[],
    set: ReadonlyMap<string, string>,
    until: number,
    newcomers: number,
    done: () => void,
  ): void;
}

/**
 * Decides for each client of a pool what PostgreSQL would decide at its login: one catalog query per second while
 * clients log in, and an immediate one after a statement through the proxy that may have changed something.
 *
 * If the catalogs show a refusal, the proxy tries a login, and the client gets PostgreSQL's error. If they show that
 * connections start with other values than before, the pool opens new ones for new clients.
 */
export class LoginWatch {
  readonly #pool: LoginPool;
  /** The start values of the connections in the pool's generation. */
  #facts: LoginFacts | null = null;
  #configuredAt = '';
  #isReconfiguring = false;
  /**
   * When these facts were last certain: the start of the query that returned them, in milliseconds of
   * `performance.now()`.
   */
  #factsAt = -Infinity;
  /** Connections that could not be queried for their facts. */
  readonly #unknown = new WeakSet<ServerConnection>();
  /** PostgreSQL's error for the last tried login; null if it succeeded, or none was necessary. */
  #refusal: ErrorFields | null = null;
  /** The last or current query: when it began, and the number of changes that it includes. */
  #at = -Infinity;
  #version = -1;
  #isChecking = false;
  #waiting: { readonly version: number; readonly since: number; readonly done: Done }[] = [];
  /** The clients that connection limits allow; null without limits, so that counting is unnecessary. */
  #slots: Pick<LoginFacts, 'slotsOfRole' | 'slotsOfDatabase'> | null = null;

  constructor(pool: LoginPool) {
    this.#pool = pool;
  }

  /** The verdict, if it is known without a query: null to allow the login, undefined if a query is necessary. */
  get verdict(): ErrorFields | null | undefined {
    const { isPaused, loginChanges } = this.#pool;
    // While there is no target, clients can log in and wait for one.
    if (isPaused) return null;
    const now = performance.now();
    const isUncertain = this.#refusal !== null || now - loginChanges.reloadedAt < validity;
    const isFresh =
      now - this.#at < (isUncertain ? shortValidity : validity) &&
      this.#version === loginChanges.version &&
      !this.#isChecking &&
      !this.#pool.isVacated;
    return isFresh ? (this.#refusal ?? this.#limit()) : undefined;
  }

  /** Queries, or joins the running query; `done` is called once. */
  check(done: Done): void {
    const { version } = this.#pool.loginChanges;
    this.#waiting.push({ version, since: performance.now(), done });
    this.resume();
  }

  /**
   * Queries the facts for waiting clients, unless a statement needs the database or the role without connections: then
   * they wait until it has ended.
   */
  resume(): void {
    if (this.#waiting.length > 0 && !this.#isChecking && !this.#pool.isVacated) this.#check();
  }

  /**
   * Queries the facts on this connection, unless a query after its login has confirmed them: it may have started with
   * other values than the sessions of the pool, if a role or the database was altered and no client has logged in
   * since. Returns whether it queries.
   */
  learn(connection: ServerConnection): boolean {
    if (connection.loggedInAt < this.#factsAt || this.#unknown.has(connection)) return false;
    if (this.#isChecking) {
      const at = performance.now();
      this.#queryOn(connection, (facts) => this.#compare(connection, facts, at));
      return true;
    }
    this.#begin();
    this.#queryOn(connection, (facts) => {
      if (facts?.denial === null) {
        this.#take(facts);
        return;
      }
      this.#compare(connection, facts, this.#at);
      this.#finish(null);
    });
    return true;
  }

  /** Decides whether a connection whose start `facts` describe can be used, while other facts are current. */
  #compare(connection: ServerConnection, facts: LoginFacts | null, at: number): void {
    // Without an answer it is used, as before the query; it must not be queried again and again.
    if (facts === null || this.#facts === null) this.#unknown.add(connection);
    else if (facts.start === this.#facts.start) this.#factsAt = Math.max(this.#factsAt, at);
    else connection.retire(settingsChanged);
  }

  #queryOn(connection: ServerConnection, done: (facts: LoginFacts | null) => void): void {
    const { database, user } = this.#pool;
    const take = new InternalQuery(({ rows }) =>
      done(
        readLoginFacts(rows.at(-1), this.#pool.ownConnections, this.#pool.loginChanges.triggers),
      ),
    );
    connection.run(loginFactsSql(database, user), take);
  }

  #begin(): void {
    this.#isChecking = true;
    this.#at = performance.now();
    this.#version = this.#pool.loginChanges.version;
  }

  #check(): void {
    const pool = this.#pool;
    this.#begin();
    const isSent = pool.queryServer(loginFactsSql(pool.database, pool.user), (rows) => {
      const facts = readLoginFacts(rows?.at(-1), pool.ownConnections, pool.loginChanges.triggers);
      if (facts === null) this.#logIn(null);
      else this.#judge(facts);
    });
    if (!isSent) this.#logIn(null);
  }

  #judge(facts: LoginFacts): void {
    if (facts.denial === null) this.#take(facts);
    else this.#logIn(facts);
  }

  /**
   * Tries a login, because the catalogs seem to refuse it, or (null) because they could not be queried. If it succeeds,
   * it queries them.
   */
  #logIn(facts: LoginFacts | null): void {
    const pool = this.#pool;
    const aside = AsideConnection.open(pool, {
      opened: (connection) => {
        // The facts that seemed to refuse it are outdated.
        this.#queryOn(connection, (found) => {
          queueMicrotask(() => aside?.close('it served only to read the catalogs'));
          if (found === null) this.#finish(null);
          else this.#take(found);
        });
      },
      failed: ({ fields, final }) => {
        if (facts !== null || final || pool.isLimitOfOthers(fields)) this.#finish(fields);
        // There is no server to query: clients wait for one as usual.
        else this.#finish(null);
      },
    });
    if (aside !== null) return;
    this.#finish(
      facts?.denial == null ? null : new ProxyError('LOGIN_DENIED', { why: facts.denial }).fields,
    );
  }

  /** PostgreSQL allows the login. Checks whether connections start with the same values as those in the pool. */
  #take(facts: LoginFacts): void {
    const pool = this.#pool;
    const before = this.#facts;
    this.#facts = facts;
    const isLimited = facts.slotsOfRole < Infinity || facts.slotsOfDatabase < Infinity;
    this.#slots = isLimited ? facts : null;
    // A greeting learned shortly afterwards may come from a process with the old configuration, so it is learned once
    // more.
    const isSettled = this.#isReconfiguring && !facts.isReconfiguring;
    if (isSettled || (before !== null && this.#configuredAt !== facts.configuredAt))
      pool.configurationRead();
    this.#configuredAt = facts.configuredAt;
    this.#isReconfiguring = facts.isReconfiguring;
    if (before === null || before.start === facts.start) {
      this.#factsAt = Math.max(this.#factsAt, this.#at);
      this.#finish(null);
      return;
    }
    const names = changedSettings(before, facts);
    events.loginFactsChanged.publish({ pool: pool.name, settings: names });
    if (before.role !== facts.role || before.database !== facts.database) {
      // Only the name is the same: the sessions belong to the replaced role or database.
      this.#factsAt = this.#at;
      pool.replaced(new ProxyError('ROLE_OR_DATABASE_REPLACED', { pool: pool.name }));
      this.#finish(null);
      return;
    }
    pool.renew(names, before.settings, this.#factsAt, this.#waiting.length, () =>
      this.#finish(null),
    );
    this.#factsAt = this.#at;
  }

  #finish(refusal: ErrorFields | null): void {
    this.#isChecking = false;
    this.#refusal = refusal;
    const known = this.#version;
    const from = this.#at;
    const waiting = this.#waiting;
    // Clients that came after a change wait for a query that includes it. A refusal may have been lifted since the
    // query began, so it is final only for clients that were there.
    const isAnswered = ({ version, since }: (typeof waiting)[number]): boolean =>
      version <= known && (refusal === null || since <= from);
    this.#waiting = waiting.filter((one) => !isAnswered(one));
    this.resume();
    for (const one of waiting) if (isAnswered(one)) one.done(refusal ?? this.#limit());
  }

  /** PostgreSQL counts connections; here clients count, because each of them would be a connection. */
  #limit(): ErrorFields | null {
    const slots = this.#slots;
    if (slots === null) return null;
    const { database, user, clients } = this.#pool;
    if (clients.ofDatabase > slots.slotsOfDatabase)
      return new ProxyError('DATABASE_CONNECTION_LIMIT', { database }).fields;
    if (clients.ofRole > slots.slotsOfRole)
      return new ProxyError('ROLE_CONNECTION_LIMIT', { user }).fields;
    return null;
  }
}
