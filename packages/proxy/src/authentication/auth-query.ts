import { md5Pattern, parseVerifier } from '@sluice/wire';
import { proofOf } from '../credentials/credentials.ts';
import type { Credential } from '../credentials/credentials.ts';
import { ProxyError } from '../errors.ts';
import { PacedReads } from '../credentials/paced-reads.ts';

/** Rows of an answer; a sentence when there was none. */
export type AuthQueryAnswer = readonly (readonly (string | null)[])[] | string;

/** What a lookup needs. Times in milliseconds. */
export interface AuthQueryOptions {
  /** Runs SQL in AuthQueryDatabase as AuthQueryUser. */
  readonly run: (sql: string) => Promise<AuthQueryAnswer>;
  readonly sql: string;
  readonly cacheTime: number;
  readonly negativeCacheTime: number;
  /** The database could not be asked. */
  readonly failed: (why: string) => void;
}

interface Entry {
  readonly credential: Credential | undefined;
  readonly at: number;
}

/** Two questions after a refusal of one user are at least so far apart, in milliseconds. */
const apart = 2000;

/** So many users are remembered at once: whoever tries names must not fill the memory. */
const most = 10_000;

/** Users whose verifiers the database tells. */
export class AuthQuery {
  readonly #options: AuthQueryOptions;
  readonly #entries = new Map<string, Entry>();
  #told: readonly Credential[] | null = null;
  readonly #asking = new Map<string, Promise<Credential | undefined>>();
  readonly #reads = new Map<string, PacedReads>();

  constructor(options: AuthQueryOptions) {
    this.#options = options;
  }

  /** What is known of a user, asked of the database if that was too long ago. */
  lookUp(user: string): Credential | undefined | Promise<Credential | undefined> {
    const entry = this.#entries.get(user);
    if (entry !== undefined) {
      const { cacheTime, negativeCacheTime } = this.#options;
      const time = entry.credential === undefined ? negativeCacheTime : cacheTime;
      if (performance.now() - entry.at < time) return entry.credential;
    }
    return this.#ask(user);
  }

  /** What is known of a user without asking. */
  known(user: string): Credential | undefined {
    return this.#entries.get(user)?.credential;
  }

  /** The users who are remembered. */
  get told(): readonly Credential[] {
    this.#told ??= [...this.#entries.values()].flatMap(({ credential }) => credential ?? []);
    return this.#told;
  }

  /** Asks again: the password was not what is known. Not too often: wrong passwords must not become load. */
  async again(user: string): Promise<Credential | undefined> {
    let reads = this.#reads.get(user);
    if (reads === undefined) {
      if (this.#reads.size >= most) this.#reads.clear();
      reads = new PacedReads(apart);
      this.#reads.set(user, reads);
    }
    await reads.soon(async () => void (await this.#ask(user))).catch(() => undefined);
    return this.known(user);
  }

  #ask(user: string): Promise<Credential | undefined> {
    let asking = this.#asking.get(user);
    if (asking === undefined) {
      asking = this.#read(user).finally(() => this.#asking.delete(user));
      this.#asking.set(user, asking);
    }
    return asking;
  }

  async #read(user: string): Promise<Credential | undefined> {
    const { sql, run, failed } = this.#options;
    // A function: in a text, "$" would stand for something. NUL cannot be in the name: it ends a startup parameter.
    const answer = await run(sql.replaceAll('$1', () => quoted(user)));
    if (typeof answer === 'string') {
      failed(answer);
      // In an outage what was known last serves on. Whether there is somebody else, nobody knows.
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
    this.#told = null;
    return credential;
  }
}

/** A literal that means the same whatever standard_conforming_strings says. */
function quoted(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
