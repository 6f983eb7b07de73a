import { bytesOf } from '@sluice/wire';
import type { Credentials } from '../credentials/credentials.ts';
import type { LoginSecret } from '../credentials/login-keys.ts';
import { IamTokens } from '../credentials/iam-tokens.ts';
import type { TokenAddress } from '../credentials/iam-tokens.ts';
import { ProxyError } from '../errors.ts';
import type { ConnectFailure, SourcePool } from '../backend/connection-source.ts';
import type { Settings } from '../settings/index.ts';
import type { Target } from './target.ts';
import { openServerConnection } from '../backend/connect.ts';
import type { Address } from '../backend/dial.ts';

type Done = Parameters<typeof openServerConnection>[1];

/** The parts of a pool that its logins need. */
type PoolLogin = Pick<SourcePool, 'user' | 'database' | 'startupOnly'>;

/** The sources of login secrets. */
export interface DatabaseLoginsOptions {
  readonly state: () => { readonly settings: Settings; readonly credentials: Credentials };
  readonly addressOf: (target: Target) => Address;
  /** Rereads the secret of a user; resolves when the known secrets are as current as possible. */
  readonly refresh: (user: string) => Promise<unknown>;
  /** The secret of a user without a password. */
  readonly secretOf: (user: string) => LoginSecret;
  /** The database has refused the secret of `secretOf`. */
  readonly refused: (user: string) => void;
}

/** PostgreSQL’s invalid_password. */
const invalidPassword = '28P01';

/**
 * A health check keeps its connection. If it logs in again within this time, its login was probably refused. In
 * milliseconds.
 */
const again = 10_000;

/** Logs in to the database for pools: with the known password of the user, or with an IAM token. */
export class DatabaseLogins {
  readonly #options: DatabaseLoginsOptions;
  readonly #tokens = new IamTokens();
  /** When the health check of each target last logged in, and how often in a row. */
  readonly #checked = new WeakMap<Target, { readonly at: number; readonly times: number }>();
  /** The password with which each user last logged in: during a rotation, it might not be the newest. */
  readonly #working = new Map<string, string>();

  constructor(options: DatabaseLoginsOptions) {
    this.#options = options;
  }

  /** Opens a server connection for the pool. `done` is called once. */
  open(target: Target, pool: PoolLogin, startup: ReadonlyMap<string, string>, done: Done): void {
    const { settings } = this.#options.state();
    if (settings.TargetIamAuth) {
      this.#tokens.token(pool.user, tokenAddress(target)).then(
        (password) => this.#login(target, pool, startup, { password }, done),
        (error: unknown) => {
          if (!(error instanceof ProxyError)) throw error;
          done({ fields: error.fields, final: false }, null);
        },
      );
      return;
    }
    const tried = new Set<string>();
    const passwords = this.#passwords(pool.user);
    if (passwords.length === 0) {
      const secret = this.#options.secretOf(pool.user);
      this.#login(target, pool, startup, secret, (failure, result) => {
        if (failure?.fields.sqlstate === invalidPassword) this.#options.refused(pool.user);
        done(failure, result);
      });
      return;
    }
    let isFresh = false;
    const next = (failure: ConnectFailure | null): void => {
      const password = this.#passwords(pool.user).find((known) => !tried.has(known));
      if (password === undefined) {
        done(failure, null);
        return;
      }
      tried.add(password);
      this.#login(target, pool, startup, { password }, (refusal, result) => {
        if (refusal?.fields.sqlstate !== invalidPassword) {
          if (result !== null) this.#working.set(pool.user, password);
          done(refusal, result);
          return;
        }
        // The secret may have been rotated since it was read; the session that waits for the connection need not
        // notice.
        if (isFresh || settings.Auth.length === 0) next(refusal);
        else
          void this.#options.refresh(pool.user).then(() => {
            isFresh = true;
            next(refusal);
          });
      });
    };
    next(null);
  }

  /** The possible passwords of the user, the one that worked last first. */
  #passwords(user: string): readonly string[] {
    const passwords = this.#options.state().credentials.databasePasswords(user);
    const working = this.#working.get(user);
    if (working === undefined || passwords[0] === working || !passwords.includes(working))
      return passwords;
    return [working, ...passwords.filter((password) => password !== working)];
  }

  /**
   * The secret for the login of a health check. The check does not wait, but it repeats: a rotated secret is read in
   * the meantime, or a token signed.
   */
  secretFor(user: string, target: Target): LoginSecret {
    const { settings } = this.#options.state();
    if (settings.TargetIamAuth) {
      const token = this.#tokens.now(user, tokenAddress(target));
      return token === undefined ? {} : { password: token };
    }
    const passwords = this.#passwords(user);
    const last = this.#checked.get(target) ?? { at: -Infinity, times: -1 };
    const isAgain = performance.now() - last.at < again;
    const times = isAgain ? last.times + 1 : 0;
    this.#checked.set(target, { at: performance.now(), times });
    if (settings.Auth.length > 0 && isAgain) void this.#options.refresh(user);
    if (passwords.length === 0) return this.#options.secretOf(user);
    const password = passwords[times % passwords.length];
    return password === undefined ? {} : { password };
  }

  /** Stops signing tokens. */
  close(): void {
    this.#tokens.close();
  }

  #login(
    target: Target,
    pool: PoolLogin,
    startup: ReadonlyMap<string, string>,
    { password, keys, md5 }: LoginSecret,
    done: Done,
  ): void {
    openServerConnection(
      {
        address: this.#options.addressOf(target),
        user: pool.user,
        password,
        keys,
        md5,
        startup: [
          ['user', bytesOf(pool.user)],
          ['database', bytesOf(pool.database)],
          ...pool.startupOnly,
          ...startup,
        ],
        timeout: this.#options.state().settings.ConnectTimeout * 1000,
      },
      done,
    );
  }
}

/** AWS checks a token against the name of the endpoint, which its address does not show. */
function tokenAddress({ address: { endpoint, port } }: Target): TokenAddress {
  return { host: endpoint, port };
}
