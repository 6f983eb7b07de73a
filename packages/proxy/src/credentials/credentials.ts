import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { fitsVerifier, md5Pattern, md5Verifier, parseVerifier } from '@sluice/wire';
import type { ScramVerifier } from '@sluice/wire';
import { errorText } from '../settings/error-text.ts';
import { ProxyError } from '../errors.ts';
import type { Settings } from '../settings/index.ts';
import { parseAuthFile } from './auth-file.ts';
import { MadeVerifiers } from './made-verifiers.ts';
import type { SecretUser } from './secret-vault.ts';

/** Whether a client can or must authenticate with an IAM token: the modes of RDS Proxy. */
export type IamAuth = Settings['Auth'][number]['IAMAuth'];

/** The verifiers of one password of a user. */
export interface PasswordProof {
  /** For SCRAM-SHA-256; null if only an MD5 hash of the password is known. */
  readonly scram: ScramVerifier | null;
  /** `md5` and a hash; null if the client does not use MD5. */
  readonly md5: string | null;
  /** The password is valid until then, in milliseconds since 1970. */
  readonly until: number;
}

/** How a client authenticates as a user, and the database user that the proxy logs in as. */
export interface Credential {
  readonly user: string;
  /** The newest password first; empty for a user who authenticates only with a certificate or a token. */
  readonly proofs: readonly PasswordProof[];
  readonly databaseUser: string;
  readonly iamAuth: IamAuth;
}

/** The number of users that are loaded at the same time. */
const mostAtOnce = 2;

/** A password or a verifier, as it is loaded. */
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
  /** In the order in which the proxy tries them at the database; empty if another entry has them. */
  readonly databasePasswords: readonly string[];
  readonly isMd5: boolean;
  readonly iamAuth: IamAuth;
}

/**
 * The users of the proxy. Passwords come from the settings, their files, the environment, the AuthFile and secrets.
 * They become verifiers when they are loaded, so a login needs no PBKDF2.
 */
export class Credentials {
  readonly #users = new Map<string, Credential>();
  readonly #entries = new Map<string, Entry>();
  readonly #databasePasswords = new Map<string, readonly string[]>();

  /**
   * Reads the users in the settings; `secretUsers` are those of `Auth`. If the database refuses the new passwords, the
   * proxy tries those of `previous`.
   */
  static async load(
    settings: Settings,
    secretUsers: readonly SecretUser[] = [],
    previous: Credentials | null = null,
  ): Promise<Credentials> {
    const credentials = new Credentials();
    const entries = new Map<string, Entry>();
    // Users take precedence over the AuthFile, and the AuthFile over secrets.
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
    // The current version of a secret takes precedence over previous and pending versions of others.
    for (const secretUser of secretUsers.toSorted(
      (a, b) => Number(b.isCurrent) - Number(a.isCurrent),
    ))
      add(secretEntry(secretUser));
    for (const entry of own) {
      const before = previous === null ? undefined : previous.#entries.get(entry.user);
      if (before !== undefined) entries.set(entry.user, withPrevious(entry, before));
    }
    // Each verifier takes milliseconds of a thread. Reading many users again leaves threads for logins.
    const all = [...entries.values()];
    for (let at = 0; at < all.length; at += mostAtOnce)
      await Promise.all(all.slice(at, at + mostAtOnce).map((entry) => credentials.#add(entry)));
    return credentials;
  }

  /** How the client `user` authenticates; undefined: there is no such user. */
  client(user: string): Credential | undefined {
    return this.#users.get(user);
  }

  /** The passwords for logins to the database, the most likely one first. */
  databasePasswords(databaseUser: string): readonly string[] {
    return this.#databasePasswords.get(databaseUser) ?? [];
  }

  /** The first database user whose password is known. */
  get firstDatabaseUser(): string | undefined {
    for (const user of this.#databasePasswords.keys()) return user;
    return undefined;
  }

  /** All users. */
  get clients(): Iterable<Credential> {
    return this.#users.values();
  }

  /** The database users whose passwords are not those in `previous`: their pools need new connections. */
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
    // PostgreSQL accepts neither an empty password nor the verifier of one.
    for (const { scram, md5 } of secrets.some(({ isPassword }) => !isPassword) ? proofs : []) {
      const isEmpty =
        scram === null ? md5 === md5Verifier(user, '') : await fitsVerifier(scram, '');
      if (isEmpty) throw new ProxyError('EMPTY_PASSWORD', { user });
    }
    this.#users.set(user, { user, proofs, databaseUser, iamAuth });
  }
}

const made = new MadeVerifiers(4000);

/** The verifiers of a password, or those in the text of a verifier. */
export async function proofOf(
  user: string,
  text: string,
  isPassword: boolean,
): Promise<Omit<PasswordProof, 'until'>> {
  if (!isPassword) {
    const scram = parseVerifier(text);
    return { scram, md5: scram === null && md5Pattern.test(text) ? text : null };
  }
  return { scram: await made.of(user, text), md5: null };
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
 * The entry, with the previous password as the last one that the proxy tries at the database, where the new password
 * might not be set yet. For clients, a change applies immediately: the old password may have leaked.
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
