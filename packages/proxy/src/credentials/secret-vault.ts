import { ProxyError } from '../errors.ts';
import type { Settings } from '../settings/index.ts';
import { SecretsManager, filterName, isStoreDown } from './secrets-manager.ts';
import type { SecretFilter, Stage } from './secrets-manager.ts';
import { PacedReads } from './paced-reads.ts';
import { messageOf } from '../error-message.ts';

/** An entry of `Auth`. */
type AuthEntry = Settings['Auth'][number];

/** A user name and password in one version of a secret. */
interface Login {
  readonly versionId: string;
  readonly created: number;
  readonly username: string;
  readonly password: string;
}

/** The known state of one secret. */
interface Known {
  current: Login;
  pending: Login | null;
  previous: Login | null;
  /** The previous current versions, and until when they were current, in milliseconds since 1970. */
  retired: readonly { readonly login: Login; readonly at: number }[];
  /** When it was last read, in milliseconds since 1970. */
  readAt: number;
  /** When the current version became current, as far as known. */
  changedAt: number;
}

/** A password in a secret. */
export interface SecretPassword {
  readonly text: string;
  /** Clients can use it until then, in milliseconds since 1970. */
  readonly until: number;
}

/** A user in a secret. */
export interface SecretUser {
  /** The user name that clients send. */
  readonly user: string;
  readonly databaseUser: string;
  /** In the order in which they are tried at the database; none for a name that only clients use. */
  readonly databasePasswords: readonly string[];
  /** The newest valid password first. */
  readonly passwords: readonly SecretPassword[];
  readonly entry: AuthEntry;
  /** The current version of its secret names it: it takes precedence over a previous or next one. */
  readonly isCurrent: boolean;
}

/** The result of reading secrets. */
export interface SecretReading {
  readonly users: readonly SecretUser[];
  /** Secrets that were never read, and why. */
  readonly unread: readonly ProxyError[];
  /** Secrets that could not be reread: their last values apply. */
  readonly stale: readonly ProxyError[];
}

/**
 * The minimum interval between two reads on demand of one secret, in milliseconds. Wrong passwords must not become
 * calls to AWS.
 */
const apart = 2000;

/** The maximum number of stored previous passwords. */
const mostRetired = 8;

/** The users of `Auth`: reads their secrets, and keeps the last values while Secrets Manager does not respond. */
export class SecretVault {
  readonly #api: SecretsManager;
  readonly #known = new Map<string, Known>();
  readonly #listed = new Map<string, readonly string[]>();
  readonly #reads = new Map<string, PacedReads>();

  constructor(api = new SecretsManager()) {
    this.#api = api;
  }

  /** Reads every secret in the settings. Throws nothing: failures are in the result. */
  async read(settings: Settings): Promise<SecretReading> {
    const unread: ProxyError[] = [];
    const stale: ProxyError[] = [];
    const failed = (id: string, error: unknown): void => {
      const known = this.#known.has(id) || this.#listed.has(id);
      (known ? stale : unread).push(asProxyError(id, error));
    };
    await Promise.all(
      settings.Auth.map(async (entry) => {
        const filter = filterOf(entry);
        let failedToList = false;
        if (filter !== null)
          try {
            this.#listed.set(filterName(filter), await this.#api.list(filter));
          } catch (error) {
            failedToList = true;
            failed(filterName(filter), error);
          }
        if (failedToList) return;
        await Promise.all(
          this.#idsOf(entry).map(async (id) => {
            try {
              await this.#readOne(id, entry, false);
            } catch (error) {
              failed(id, error);
            }
          }),
        );
      }),
    );
    return { users: this.users(settings), unread, stale };
  }

  /**
   * Rereads the secrets of one user, with all versions; for an unknown user, searches for new secrets and new users.
   * Resolves when all of that was read after the call; the read is delayed if there was one a moment ago.
   */
  async readFor(user: string, settings: Settings): Promise<void> {
    let isKnown = false;
    const reads: Promise<void>[] = [];
    for (const entry of settings.Auth)
      for (const id of this.#idsOf(entry)) {
        const known = this.#known.get(id);
        if (known === undefined) continue;
        if (entry.UserName !== user && !names(known).includes(user)) continue;
        isKnown = true;
        reads.push(this.#paced(id, () => this.#readOne(id, entry, true)));
      }
    if (!isKnown)
      reads.push(
        this.#paced('', async () => {
          await this.read(settings);
        }),
      );
    // What cannot be read now stays as it was.
    await Promise.allSettled(reads);
  }

  /** The users in the last read values. */
  users(settings: Settings): readonly SecretUser[] {
    return settings.Auth.flatMap((entry) =>
      this.#idsOf(entry).flatMap((id) => {
        const known = this.#known.get(id);
        return known === undefined ? [] : usersOf(known, entry, settings.PasswordOverlap * 1000);
      }),
    );
  }

  /** The time since each secret was read, in seconds. */
  *ages(settings: Settings): Iterable<readonly [secret: string, seconds: number]> {
    for (const entry of settings.Auth)
      for (const id of this.#idsOf(entry)) {
        const known = this.#known.get(id);
        if (known !== undefined) yield [id, (Date.now() - known.readAt) / 1000];
      }
  }

  /** Closes the connections to AWS. */
  close(): void {
    this.#api.close();
  }

  #idsOf(entry: AuthEntry): readonly string[] {
    const filter = filterOf(entry);
    return filter === null ? [entry.SecretArn ?? ''] : (this.#listed.get(filterName(filter)) ?? []);
  }

  #paced(id: string, read: () => Promise<void>): Promise<void> {
    let reads = this.#reads.get(id);
    if (reads === undefined) {
      reads = new PacedReads(apart);
      this.#reads.set(id, reads);
    }
    return reads.soon(read);
  }

  /** Reads the current version, and the others if that has changed or `all` are requested. */
  async #readOne(id: string, entry: AuthEntry, all: boolean): Promise<void> {
    const current = await this.#login(id, 'AWSCURRENT', entry);
    if (current === null) throw new Error('it has no current version');
    const known = this.#known.get(id);
    const isNew = known?.current.versionId !== current.versionId;
    if (known !== undefined && !isNew && !all) {
      known.current = current;
      known.readAt = Date.now();
      return;
    }
    // A version that matters only during a rotation must not prevent reading the others.
    const other = (stage: Stage): Promise<Login | null> =>
      this.#login(id, stage, entry).catch(() => null);
    const [pending, previous] = await Promise.all([other('AWSPENDING'), other('AWSPREVIOUS')]);
    const now = Date.now();
    this.#known.set(id, {
      current,
      pending: pending?.versionId === current.versionId ? null : pending,
      previous: previous ?? (isNew ? (known?.current ?? null) : (known?.previous ?? null)),
      retired:
        known === undefined
          ? []
          : isNew
            ? [{ login: known.current, at: now }, ...known.retired].slice(0, mostRetired)
            : known.retired,
      readAt: now,
      changedAt: known === undefined ? current.created : isNew ? now : known.changedAt,
    });
  }

  async #login(id: string, stage: Stage, entry: AuthEntry): Promise<Login | null> {
    const version = await this.#api.read(id, stage);
    if (version === null) return null;
    const { versionId, created, text } = version;
    return { versionId, created, ...loginOf(text, entry) };
  }
}

/** Whether a failure makes a start or a reload useless; the first such failure. */
export function firstDefinite(failures: readonly ProxyError[]): ProxyError | undefined {
  return failures.find((failure) => !isStoreDown(failure));
}

function filterOf({ SecretNamePrefix, SecretTag }: AuthEntry): SecretFilter | null {
  if (SecretNamePrefix !== undefined) return { prefix: SecretNamePrefix };
  if (SecretTag === undefined) return null;
  const [tag = '', ...value] = SecretTag.split('=');
  return { tag, value: value.length === 0 ? undefined : value.join('=') };
}

function names({ current, pending, previous }: Known): readonly string[] {
  return [current, pending, previous].flatMap((login) => (login === null ? [] : [login.username]));
}

/**
 * The users of a secret: one with the single-user strategy, two with the alternating-users strategy, where the previous
 * one stays valid in the database until the next rotation.
 */
function usersOf(known: Known, entry: AuthEntry, overlap: number): SecretUser[] {
  const { current, pending, previous, retired, changedAt } = known;
  const until = changedAt + overlap;
  const logins = [
    { login: current, until: Infinity },
    ...(pending === null ? [] : [{ login: pending, until: Infinity }]),
    ...(previous === null
      ? []
      : [
          {
            login: previous,
            until: previous.username === current.username ? until : Infinity,
          },
        ]),
  ];
  const users = [...new Set(names(known))].map((name): SecretUser => {
    const passwords = logins
      .filter(({ login }) => login.username === name)
      .map(({ login, until: last }) => ({ text: login.password, until: last }));
    const databasePasswords = passwords.map(({ text }) => text);
    const given = new Set(databasePasswords);
    // Previous passwords apply only to clients.
    for (const { login, at } of retired)
      if (login.username === name && !given.has(login.password))
        passwords.push({ text: login.password, until: at + overlap });
    return {
      user: name,
      databaseUser: name,
      passwords,
      databasePasswords,
      entry,
      isCurrent: name === current.username,
    };
  });
  if (entry.UserName === undefined) return users;
  return [
    {
      user: entry.UserName,
      databaseUser: current.username,
      passwords: logins.map(({ login, until: last }) => ({
        text: login.password,
        until: login === previous ? until : last,
      })),
      databasePasswords: [],
      entry,
      isCurrent: true,
    },
    ...users,
  ];
}

function asProxyError(secret: string, error: unknown): ProxyError {
  if (error instanceof ProxyError) return error;
  const why = messageOf(error);
  return new ProxyError('SECRET', { secret, why }, error);
}

function loginOf(
  text: string,
  { UsernameKey, PasswordKey }: AuthEntry,
): Pick<Login, 'username' | 'password'> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would quote the secret.
    throw new Error('its value is not JSON');
  }
  const field = (key: string): unknown =>
    typeof value === 'object' && value !== null && Object.hasOwn(value, key)
      ? Reflect.get(value, key)
      : undefined;
  const username = field(UsernameKey);
  const password = field(PasswordKey);
  if (
    typeof username === 'string' &&
    typeof password === 'string' &&
    username !== '' &&
    password !== ''
  )
    return { username, password };
  throw new Error(`its value has no ${UsernameKey} and ${PasswordKey}`);
}
