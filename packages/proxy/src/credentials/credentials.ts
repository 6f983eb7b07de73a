import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fitsVerifier, makeVerifier, md5Pattern, md5Verifier, parseVerifier } from '@sluice/wire';
import type { ScramVerifier } from '@sluice/wire';
import { errorText } from '../settings/error-text.ts';
import { ProxyError } from '../errors.ts';
import type { Settings } from '../settings/index.ts';
import { parseAuthFile } from './auth-file.ts';
import { userSalt } from './process-secret.ts';
import type { SecretUser } from './secret-vault.ts';
import { preparePassword } from './saslprep.ts';

/** How a client may prove to be a user: the modes of RDS Proxy. */
export type IamAuth = Settings['Auth'][number]['IAMAuth'];

/** What proves one password of a user. */
export interface PasswordProof {
  /** SCRAM-SHA-256; null for a password of which only an MD5 hash is known. */
  readonly scram: ScramVerifier | null;
  /** `md5` and a hash; null when the client is not asked for that. */
  readonly md5: string | null;
  /** It counts until then, in milliseconds since 1970. */
  readonly until: number;
}

/** How a client proves to be a user, and as whom the proxy logs in to the database for it. */
export interface Credential {
  readonly user: string;
  /** The newest password first; none for a user who comes in by certificate or token alone. */
  readonly proofs: readonly PasswordProof[];
  readonly databaseUser: string;
  readonly iamAuth: IamAuth;
}

/** A password, or what proves one, as it is loaded. */
interface Secret {
  readonly text: string;
  readonly isPassword: boolean;
  readonly until: number;
}

/** A user as it is loaded. */
interface Entry {
  readonly user: string;
  readonly secrets: readonly Secret[];
  readonly databaseUser: string;
  /** In the order in which the database is to be tried with them; none when they stand elsewhere. */
  readonly databasePasswords: readonly string[];
  readonly isMd5: boolean;
  readonly iamAuth: IamAuth;
}

/**
 * The users of the proxy. Passwords come from the settings, their files, the environment, the AuthFile and secrets; they
 * are turned into verifiers when they are loaded, so that a login costs no PBKDF2.
 */
export class Credentials {
  readonly #users = new Map<string, Credential>();
  readonly #entries = new Map<string, Entry>();
  readonly #databasePasswords = new Map<string, readonly string[]>();

  /**
   * Reads the users that the settings name; `secretUsers` are those of `Auth`. Passwords that `previous` had are tried at
   * the database when it refuses the new ones.
   */
  static async load(
    settings: Settings,
    secretUsers: readonly SecretUser[] = [],
    previous: Credentials | null = null,
  ): Promise<Credentials> {
    const credentials = new Credentials();
    const entries = new Map<string, Entry>();
    // Those of Users go before others of the same name, and those of the AuthFile before secrets.
    const add = (entry: Entry): void => {
      if (!entries.has(entry.user)) entries.set(entry.user, entry);
    };
    for (const user of settings.Users) add(entryOf(user));
    if (settings.AuthFile !== undefined) {
      const { AuthFile: file } = settings;
      for (const { user, secret, isPassword } of parseAuthFile(readFileSync(file), file))
        add({
          user,
          secrets: [{ text: secret, isPassword, until: Infinity }],
          databaseUser: user,
          databasePasswords: isPassword ? [secret] : [],
          isMd5: false,
          iamAuth: 'DISABLED',
        });
    }
    const own = [...entries.values()];
    // A user that a secret names now goes before one that another has named or will name.
    for (const secretUser of secretUsers.toSorted(
      (a, b) => Number(b.isCurrent) - Number(a.isCurrent),
    ))
      add(secretEntry(secretUser));
    for (const entry of own) {
      const before = previous === null ? undefined : previous.#entries.get(entry.user);
      if (before !== undefined) entries.set(entry.user, withPrevious(entry, before));
    }
    await Promise.all([...entries.values()].map((entry) => credentials.#add(entry)));
    return credentials;
  }

  /** How the client named `user` proves itself, or undefined when there is no such user. */
  client(user: string): Credential | undefined {
    return this.#users.get(user);
  }

  /** The passwords to log in to the database with, the likeliest first. */
  databasePasswords(databaseUser: string): readonly string[] {
    return this.#databasePasswords.get(databaseUser) ?? [];
  }

  /** The first database user whose password is known. */
  get firstDatabaseUser(): string | undefined {
    for (const user of this.#databasePasswords.keys()) return user;
    return undefined;
  }

  /** Everybody who is known. */
  get clients(): Iterable<Credential> {
    return this.#users.values();
  }

  /** The users of the database whose password is another in `next`: their pools need new connections. */
  changedFrom(previous: Credentials): string[] {
    const users = new Set([
      ...previous.#databasePasswords.keys(),
      ...this.#databasePasswords.keys(),
    ]);
    return [...users].filter(
      (user) => previous.databasePasswords(user)[0] !== this.databasePasswords(user)[0],
    );
  }

  async #add(entry: Entry): Promise<void> {
    const { user, secrets, databaseUser, databasePasswords, isMd5, iamAuth } = entry;
    this.#entries.set(user, entry);
    if (databasePasswords.length > 0) this.#databasePasswords.set(databaseUser, databasePasswords);
    const proofs = await Promise.all(
      secrets.map(async ({ text, isPassword, until }): Promise<PasswordProof> => {
        if (isPassword && text === '') throw new ProxyError('EMPTY_PASSWORD', { user });
        if (isPassword && isMd5) return { scram: null, md5: md5Verifier(user, text), until };
        return { ...(await proofOf(user, text, isPassword)), until };
      }),
    );
    // PostgreSQL takes no empty password for anybody's, and no verifier of one either.
    for (const { scram, md5 } of secrets.some(({ isPassword }) => !isPassword) ? proofs : []) {
      const isEmpty =
        scram === null ? md5 === md5Verifier(user, '') : await fitsVerifier(scram, '');
      if (isEmpty) throw new ProxyError('EMPTY_PASSWORD', { user });
    }
    this.#users.set(user, { user, proofs, databaseUser, iamAuth });
  }
}

/** Verifiers that were made, by user and the hash of the password: one costs milliseconds, and secrets are read often. */
const made = new Map<string, Promise<ScramVerifier>>();
const mostMade = 4000;

/** What proves a password, or what a verifier proves. */
export async function proofOf(
  user: string,
  text: string,
  isPassword: boolean,
): Promise<Omit<PasswordProof, 'until'>> {
  if (!isPassword) {
    const scram = parseVerifier(text);
    return { scram, md5: scram === null && md5Pattern.test(text) ? text : null };
  }
  const key = `${createHash('sha256').update(text).digest('base64')}:${user}`;
  let verifier = made.get(key);
  if (verifier === undefined) {
    verifier = makeVerifier(preparePassword(text), userSalt(user));
    const oldest = made.keys().next();
    if (made.size >= mostMade && oldest.done !== true) made.delete(oldest.value);
    made.set(key, verifier);
  }
  return { scram: await verifier, md5: null };
}

function entryOf(user: Settings['Users'][number]): Entry {
  const { UserName: name } = user;
  const password =
    user.Password ??
    (user.PasswordFile === undefined ? undefined : readPasswordFile(user.PasswordFile, name)) ??
    (user.PasswordEnv === undefined ? undefined : readVariable(user.PasswordEnv, name));
  const databasePassword =
    user.DatabasePassword ??
    (user.DatabasePasswordFile === undefined
      ? undefined
      : readPasswordFile(user.DatabasePasswordFile, name)) ??
    (user.DatabasePasswordEnv === undefined
      ? undefined
      : readVariable(user.DatabasePasswordEnv, name)) ??
    password;
  const secret = password ?? user.Verifier;
  return {
    user: name,
    secrets:
      secret === undefined
        ? []
        : [{ text: secret, isPassword: password !== undefined, until: Infinity }],
    databaseUser: user.DatabaseUserName ?? name,
    databasePasswords: databasePassword === undefined ? [] : [databasePassword],
    isMd5: false,
    iamAuth: 'DISABLED',
  };
}

function secretEntry({
  user,
  databaseUser,
  passwords,
  databasePasswords,
  entry,
}: SecretUser): Entry {
  return {
    user,
    secrets: passwords.map(({ text, until }) => ({ text, isPassword: true, until })),
    databaseUser,
    databasePasswords,
    isMd5: entry.ClientPasswordAuthType === 'POSTGRES_MD5',
    iamAuth: entry.IAMAuth,
  };
}

/**
 * The entry, with the passwords of before as the last that are tried at the database, which may not have been given the new
 * one yet. For clients a change in a file counts at once: it may be there because a password has leaked.
 */
function withPrevious(entry: Entry, before: Entry): Entry {
  const inUse = new Set(entry.databasePasswords);
  return {
    ...entry,
    databasePasswords: [
      ...entry.databasePasswords,
      ...before.databasePasswords.filter((text) => !inUse.has(text)).slice(0, 1),
    ],
  };
}

function readVariable(name: string, user: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== '') return value;
  const why = value === undefined ? 'it is not set' : 'it is empty';
  throw new ProxyError('PASSWORD_VARIABLE', { name, user, why });
}

function readPasswordFile(file: string, user: string): string {
  const refuse = (why: string, cause?: unknown): ProxyError =>
    new ProxyError('PASSWORD_FILE', { file, user, why }, cause);
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (error) {
    throw refuse(errorText(error), error);
  }
  if (!isUtf8(content)) throw refuse('it is not UTF-8');
  const password = content.toString().replace(/\r?\n$/, '');
  if (password === '') throw refuse('it is empty');
  return password;
}
