import type { Credentials } from '../credentials/credentials.ts';
import { IamTokens } from '../credentials/iam-tokens.ts';
import { ProxyError } from '../errors.ts';
import type { Pool } from '../pool/pool.ts';
import type { Settings } from '../settings/index.ts';
import type { Target } from '../target/target.ts';
import { openDatabaseConnection } from './connect.ts';
import type { Address } from './dial.ts';

type Done = Parameters<typeof openDatabaseConnection>[1];

/** What logins need, and whom they ask. */
export interface DatabaseLoginsOptions {
  readonly state: () => { readonly settings: Settings; readonly credentials: Credentials };
  readonly addressOf: (target: Target) => Address;
  /** Reads the secrets again; resolves when what is known is as good as it gets. */
  readonly refresh: () => Promise<void>;
}

/** PostgreSQL’s invalid_password. */
const invalidPassword = '28P01';

/** A health check keeps its connection; one that logs in again within this was refused, most likely. In milliseconds. */
const again = 10_000;

/** Logs in to the database for pools: with the password that is known of the user, or with a token of IAM. */
export class DatabaseLogins {
  readonly #options: DatabaseLoginsOptions;
  readonly #tokens = new IamTokens();
  /** When each target’s health check logged in last. */
  readonly #checked = new WeakMap<Target, number>();

  constructor(options: DatabaseLoginsOptions) {
    this.#options = options;
  }

  /** Opens a database connection for the pool. `done` is called once. */
  open(target: Target, pool: Pool, startup: ReadonlyMap<string, string>, done: Done): void {
    const { settings, credentials } = this.#options.state();
    const login = (password: string | undefined, told: Done): void => {
      this.#login(target, pool, startup, password, told);
    };
    if (settings.TargetIamAuth) {
      this.#tokens.token(pool.user, target.place).then(
        (token) => login(token, done),
        (error: unknown) => {
          if (!(error instanceof ProxyError)) throw error;
          done({ fields: error.fields, final: false }, null);
        },
      );
      return;
    }
    const password = credentials.databasePassword(pool.user);
    if (settings.Auth.length === 0) {
      login(password, done);
      return;
    }
    login(password, (failure, result) => {
      if (failure?.fields.sqlstate !== invalidPassword) {
        done(failure, result);
        return;
      }
      // The secret may have been rotated since it was read; who waits for the connection need not notice.
      void this.#options.refresh().then(() => {
        const now = this.#options.state().credentials.databasePassword(pool.user);
        if (now === password) done(failure, result);
        else login(now, done);
      });
    });
  }

  /**
   * What a health check logs in with. It cannot wait, but it comes again: a secret that was rotated is read meanwhile,
   * and a token made.
   */
  passwordFor(user: string, target: Target): string | undefined {
    const { settings, credentials } = this.#options.state();
    if (settings.TargetIamAuth) return this.#tokens.now(user, target.place);
    const last = this.#checked.get(target) ?? -Infinity;
    this.#checked.set(target, performance.now());
    if (settings.Auth.length > 0 && performance.now() - last < again) void this.#options.refresh();
    return credentials.databasePassword(user);
  }

  #login(
    target: Target,
    pool: Pool,
    startup: ReadonlyMap<string, string>,
    password: string | undefined,
    done: Done,
  ): void {
    openDatabaseConnection(
      {
        address: this.#options.addressOf(target),
        user: pool.user,
        password,
        startup: [
          ['user', pool.user],
          ['database', pool.database],
          ...pool.startupOnly,
          ...startup,
        ],
        timeout: this.#options.state().settings.ConnectTimeout * 1000,
      },
      done,
    );
  }
}
