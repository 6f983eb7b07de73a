import { md5Pattern, parseVerifier } from '@sluice/wire';
import { proofOf } from '../credentials/credentials.ts';
import type { Credential } from '../credentials/credentials.ts';
import { ProxyError } from '../errors.ts';
import { PacedReads } from '../credentials/paced-reads.ts';
import { CheckQueue } from './check-queue.ts';

/** The rows of the answer, or why there is none. */
export type AuthQueryAnswer = readonly (readonly (string | null)[])[] | string;

/** The options of AuthQuery. Times in milliseconds. */
export interface AuthQueryOptions {
  /** Runs SQL in AuthQueryDatabase as AuthQueryUser. */
  readonly run: (sql: string) => Promise<AuthQueryAnswer>;
  readonly sql: string;
  readonly cacheTime: number;
  readonly negativeCacheTime: number;
  /** The query failed. */
  readonly failed: (why: string) => void;
}

interface Entry {
  readonly credential: Credential | undefined;
  readonly at: number;
}

/** The minimum interval between two queries after refusals of one user, in milliseconds. */
const apart = 2000;

/** The maximum number of cached users: a client that tries many names must not fill the memory. */
const most = 10_000;

/** The maximum number of waiting queries: clients can cause them faster than one connection answers them. */
const mostWaiting = 1000;

/** Users whose verifiers come from the database. */
export class AuthQuery {
  readonly #options: AuthQueryOptions;
  readonly #entries = new Map<string, Entry>();
  #users: readonly Credential[] | null = null;
  readonly #running = new Map<string, Promise<Credential | undefined>>();
  readonly #reads = new Map<string, PacedReads>();
  /** All that `run` has at the same time: its timeout includes the time that a query waits behind others. */
  readonly #queue = new CheckQueue(mostWaiting, 0);

  constructor(options: AuthQueryOptions) {
    this.#options = options;
  }

  /** The credential of a user; queries the database unless a recent result is cached. */
  lookUp(user: string): Credential | undefined | Promise<Credential | undefined> {
    const entry = this.#entries.get(user);
    if (entry !== undefined) {
      const { cacheTime, negativeCacheTime } = this.#options;
      const time = entry.credential === undefined ? negativeCacheTime : cacheTime;
      if (performance.now() - entry.at < time) return entry.credential;
    }
    return this.#query(user);
  }

  /** The cached credential of a user. */
  known(user: string): Credential | undefined {
    return this.#entries.get(user)?.credential;
  }

  /** The cached users. */
  get users(): readonly Credential[] {
    this.#users ??= [...this.#entries.values()].flatMap(({ credential }) => credential ?? []);
    return this.#users;
  }

  /** Queries again, because a password did not match. Not too often, because wrong passwords must not cause load. */
  async again(user: string): Promise<Credential | undefined> {
    let reads = this.#reads.get(user);
    if (reads === undefined) {
      if (this.#reads.size >= most) this.#reads.clear();
      reads = new PacedReads(apart);
      this.#reads.set(user, reads);
    }
    await reads.soon(async () => void (await this.#query(user))).catch(() => undefined);
    return this.known(user);
  }

  #query(user: string): Promise<Credential | undefined> {
    let running = this.#running.get(user);
    if (running === undefined) {
      running = this.#read(user).finally(() => this.#running.delete(user));
      this.#running.set(user, running);
    }
    return running;
  }

  async #read(user: string): Promise<Credential | undefined> {
    const { sql, run, failed } = this.#options;
    // A function, because "$" has a special meaning in a replacement text. The name has no NUL, which ends a startup
    // parameter.
    const result = await this.#queue.run(async () => ({
      answer: await run(sql.replaceAll('$1', () => quoted(user))),
    }));
    const answer = 'why' in result ? result.why : result.answer;
    if (typeof answer === 'string') {
      // Too many waiting queries are no failure of AuthQuery.
      if ('answer' in result) failed(answer);
      // In an outage, the last result still applies. A user without one may or may not exist.
      const known = this.known(user);
      if (known !== undefined) return known;
      throw new ProxyError('LOGIN_UNCHECKED', { user }, answer);
    }
    const [row] = answer;
    const [name = null, secret = null] = row ?? [];
    let credential: Credential | undefined;
    if (name === user && secret !== null && secret !== '') {
      const isPassword = parseVerifier(secret) === null && !md5Pattern.test(secret);
      if (isPassword && /^(SCRAM-SHA-256\$|md5[0-9a-f]{16,}$)/i.test(secret))
        failed(`the verifier of user "${user}" is malformed`);
      else {
        const proof = await proofOf(user, secret, isPassword);
        credential = {
          user,
          proofs: [{ ...proof, until: Infinity }],
          databaseUser: user,
          iamAuth: 'DISABLED',
        };
      }
    }
    const oldest = this.#entries.keys().next();
    if (this.#entries.size >= most && oldest.done !== true) this.#entries.delete(oldest.value);
    this.#entries.delete(user);
    this.#entries.set(user, { credential, at: performance.now() });
    this.#users = null;
    return credential;
  }
}

/** A literal with the same meaning for each value of standard_conforming_strings. */
function quoted(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
