import type { ErrorFields } from '@sluice/wire';
import { InternalQuery } from '../protocol/internal-query.ts';
import { ProxyError } from '../errors.ts';
import { events } from '../telemetry/events.ts';
import { AsideConnection } from './aside-connection.ts';
import { changedSettings, loginFactsSql, readLoginFacts } from './login-facts.ts';
import type { LoginFacts } from './login-facts.ts';
import type { AsidePool } from './aside-connection.ts';
import type { LoginChanges, PoolTarget } from './pool-target.ts';

/** What PostgreSQL decided is taken for true this long, in milliseconds. */
const validity = 900;

/** The same for a refusal, which may have been lifted, and while the server may be about to read its configuration. */
const shortValidity = 20;

/** Told whether a client may log in: null, or the error that it gets. */
type Told = (refusal: ErrorFields | null) => void;

/** A pool, as those see it who log in to it. */
export interface LoginPool extends AsidePool {
  readonly name: string;
  readonly database: string;
  readonly user: string;
  readonly isPaused: boolean;
  readonly isVacated: boolean;
  readonly loginChanges: LoginChanges;
  readonly clients: { readonly ofRole: number; readonly ofDatabase: number };
  readonly ownConnections: { readonly ofRole: number; readonly ofDatabase: number };
  readonly askServer: PoolTarget['askServer'];
  /** The server has read its configuration again: what it reports to new clients may be another. */
  configurationRead(): void;
  /** The role or the database is another than before, under the same name. */
  replaced(error: ProxyError): void;
  /** Connections begin with other values for these parameters; `done` follows when new ones can be made. */
  renew(
    names: readonly string[],
    set: ReadonlyMap<string, string>,
    until: number,
    done: () => void,
  ): void;
}

/**
 * Decides for each client of a pool what PostgreSQL would decide at its login: one look at the catalogues each second, while
 * clients log in, and at once when something that came through the proxy may have changed them.
 *
 * Where the catalogues say no, PostgreSQL itself is asked, by a login: its words are what the client is told. Where they say
 * that connections begin in another way than before, the pool makes new ones for new clients.
 */
export class LoginWatch {
  readonly #pool: LoginPool;
  /** What the connections of the pool's generation began with. */
  #facts: LoginFacts | null = null;
  #configuredAt = '';
  #isReconfiguring = false;
  /** When these facts were certain last: the look that found them began then, in milliseconds of `performance.now()`. */
  #factsAt = -Infinity;
  /** What PostgreSQL said to the last login that was tried; null when it let us in, or nobody had to ask. */
  #refusal: ErrorFields | null = null;
  /** The last look, or the one under way: when it began, and how many changes it knows of. */
  #at = -Infinity;
  #version = -1;
  #isChecking = false;
  #waiting: { readonly version: number; readonly told: Told }[] = [];
  /** What connection limits leave; null where there is none, so that nobody has to count. */
  #slots: Pick<LoginFacts, 'slotsOfRole' | 'slotsOfDatabase'> | null = null;

  constructor(pool: LoginPool) {
    this.#pool = pool;
  }

  /** The verdict, as far as it is known without a look: null to let the client in, undefined when somebody must look. */
  get verdict(): ErrorFields | null | undefined {
    const { isPaused, loginChanges } = this.#pool;
    // While nobody serves, clients are let in to wait for who will.
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

  /** Looks, or joins the look under way; `told` is called once. */
  check(told: Told): void {
    this.#waiting.push({ version: this.#pool.loginChanges.version, told });
    this.resume();
  }

  /** Looks for those who wait, unless a statement needs the database or the role to itself: they wait for its end. */
  resume(): void {
    if (this.#waiting.length > 0 && !this.#isChecking && !this.#pool.isVacated) this.#check();
  }

  #check(): void {
    const pool = this.#pool;
    this.#isChecking = true;
    this.#at = performance.now();
    this.#version = pool.loginChanges.version;
    const asked = pool.askServer(loginFactsSql(pool.database, pool.user), (rows) => {
      const facts = readLoginFacts(rows?.at(-1), pool.ownConnections);
      if (facts === null) this.#logIn(null);
      else this.#judge(facts);
    });
    if (!asked) this.#logIn(null);
  }

  #judge(facts: LoginFacts): void {
    if (facts.denial === null) this.#take(facts);
    else this.#logIn(facts);
  }

  /**
   * PostgreSQL itself is asked: because the catalogues seem to say no, or (null) because nobody could look. Then whoever
   * is let in looks.
   */
  #logIn(facts: LoginFacts | null): void {
    const pool = this.#pool;
    const aside = AsideConnection.open(pool, {
      opened: (connection) => {
        if (facts !== null) {
          aside?.close('it served only to try a login');
          this.#take(facts);
          return;
        }
        connection.run(
          loginFactsSql(pool.database, pool.user),
          new InternalQuery(({ rows }) => {
            const found = readLoginFacts(rows.at(-1), pool.ownConnections);
            queueMicrotask(() => aside?.close('it served only to read the catalogs'));
            if (found === null) this.#finish(null);
            else this.#take(found);
          }),
        );
      },
      failed: ({ fields, final }) => {
        if (facts !== null || final) this.#finish(fields);
        // There is no server to ask: clients wait for one as they do at any time.
        else this.#finish(null);
      },
    });
    if (aside !== null) return;
    this.#finish(
      facts?.denial == null ? null : new ProxyError('LOGIN_DENIED', { why: facts.denial }).fields,
    );
  }

  /** PostgreSQL lets the user in. Do connections begin as those did that the pool has? */
  #take(facts: LoginFacts): void {
    const pool = this.#pool;
    const before = this.#facts;
    this.#facts = facts;
    const isLimited = facts.slotsOfRole < Infinity || facts.slotsOfDatabase < Infinity;
    this.#slots = isLimited ? facts : null;
    // A greeting that was learnt a moment after may come from a process that had yet to hear of it: once more, then.
    const isSettled = this.#isReconfiguring && !facts.isReconfiguring;
    if (isSettled || (before !== null && this.#configuredAt !== facts.configuredAt))
      pool.configurationRead();
    this.#configuredAt = facts.configuredAt;
    this.#isReconfiguring = facts.isReconfiguring;
    if (before === null || before.start === facts.start) {
      this.#factsAt = this.#at;
      this.#finish(null);
      return;
    }
    const names = changedSettings(before, facts);
    events.loginFactsChanged.publish({ pool: pool.name, settings: names });
    if (before.role !== facts.role || before.database !== facts.database) {
      // It is the name alone that has stayed: the sessions belong to what is no more.
      this.#factsAt = this.#at;
      pool.replaced(new ProxyError('ROLE_OR_DATABASE_REPLACED', { pool: pool.name }));
      this.#finish(null);
      return;
    }
    pool.renew(names, before.settings, this.#factsAt, () => this.#finish(null));
    this.#factsAt = this.#at;
  }

  #finish(refusal: ErrorFields | null): void {
    this.#isChecking = false;
    this.#refusal = refusal;
    const known = this.#version;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ version }) => version > known);
    // Whoever came after a change waits for a look that knows of it.
    this.resume();
    for (const { version, told } of waiting) if (version <= known) told(refusal ?? this.#limit());
  }

  /** PostgreSQL counts connections; here clients count, since each of them would be one. */
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
