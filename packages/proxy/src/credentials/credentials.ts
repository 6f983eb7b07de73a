import { readFileSync } from 'node:fs';
import { makeVerifier, parseVerifier } from '@sluice/wire';
import type { ScramVerifier } from '@sluice/wire';
import { ProxyError } from '../errors.ts';
import type { Settings } from '../settings/index.ts';
import { parseAuthFile } from './auth-file.ts';
import { preparePassword } from './saslprep.ts';

/** How a client proves to be a user, and as whom the proxy logs in to the database for it. */
export interface Credential {
  /** SCRAM-SHA-256; null for a user of whom only an MD5 hash is known. */
  readonly scram: ScramVerifier | null;
  /** `md5` and a hash; used when `scram` is null. */
  readonly md5: string | null;
  readonly databaseUser: string;
}

/**
 * The users of the proxy. Passwords come from the settings, their files and the AuthFile; they are turned into
 * verifiers when they are loaded, so that a login costs no PBKDF2.
 */
export class Credentials {
  readonly #users = new Map<string, Credential>();
  readonly #databasePasswords = new Map<string, string>();

  /** Reads the users that the settings name. */
  static async load(settings: Settings): Promise<Credentials> {
    const credentials = new Credentials();
    const work: Promise<void>[] = [];
    for (const user of settings.Users) {
      const password =
        user.PasswordFile === undefined
          ? user.Password
          : readPasswordFile(user.PasswordFile, user.UserName);
      work.push(
        credentials.#add({
          user: user.UserName,
          secret: password ?? user.Verifier ?? '',
          isPassword: password !== undefined,
          databaseUser: user.DatabaseUserName ?? user.UserName,
          databasePassword: user.DatabasePassword ?? password,
        }),
      );
    }
    if (settings.AuthFile !== undefined) {
      for (const [user, secret] of parseAuthFile(
        readFileSync(settings.AuthFile, 'utf8'),
        settings.AuthFile,
      )) {
        if (settings.Users.some((other) => other.UserName === user)) continue;
        const isPassword = parseVerifier(secret) === null && !/^md5[0-9a-f]{32}$/.test(secret);
        work.push(
          credentials.#add({
            user,
            secret,
            isPassword,
            databaseUser: user,
            databasePassword: isPassword ? secret : undefined,
          }),
        );
      }
    }
    await Promise.all(work);
    return credentials;
  }

  /** How the client named `user` proves itself, or undefined when there is no such user. */
  client(user: string): Credential | undefined {
    return this.#users.get(user);
  }

  /** The password to log in to the database with, or undefined when none is known. */
  databasePassword(databaseUser: string): string | undefined {
    return this.#databasePasswords.get(databaseUser);
  }

  /** The first database user whose password is known. */
  get firstDatabaseUser(): string | undefined {
    for (const user of this.#databasePasswords.keys()) return user;
    return undefined;
  }

  /** The users of the database whose password is another in `next`: their pools need new connections. */
  changedFrom(previous: Credentials): string[] {
    const users = new Set([
      ...previous.#databasePasswords.keys(),
      ...this.#databasePasswords.keys(),
    ]);
    return [...users].filter(
      (user) => previous.#databasePasswords.get(user) !== this.#databasePasswords.get(user),
    );
  }

  async #add(entry: {
    readonly user: string;
    readonly secret: string;
    readonly isPassword: boolean;
    readonly databaseUser: string;
    readonly databasePassword: string | undefined;
  }): Promise<void> {
    const { user, secret, isPassword, databaseUser, databasePassword } = entry;
    if (databasePassword !== undefined) this.#databasePasswords.set(databaseUser, databasePassword);
    const scram = isPassword ? await makeVerifier(preparePassword(secret)) : parseVerifier(secret);
    this.#users.set(user, { scram, md5: scram === null ? secret : null, databaseUser });
  }
}

function readPasswordFile(file: string, user: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new ProxyError('PASSWORD_FILE', { file, user, why: (error as Error).message }, error);
  }
}
