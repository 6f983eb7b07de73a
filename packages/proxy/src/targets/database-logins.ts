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

/** What of a pool decides its logins. */
type PoolLogin = Pick<SourcePool, 'user' | 'database' | 'startupOnly'>;

/** What logins need, and whom they ask. */
export interface DatabaseLoginsOptions {
  readonly state: () => { readonly settings: Settings; readonly credentials: Credentials };
  readonly addressOf: (target: Target) => Address;
  /** Reads the secret of a user again; resolves when what is known is as good as it gets. */
  readonly refresh: (user: string) => Promise<unknown>;
  /** What is known of a user without a password. */
  readonly secretOf: (user: string) => LoginSecret;
  /** The database has refused what `secretOf` gave. */
  readonly refused: (user: string) => void;
}

/** PostgreSQL’s invalid_password. */
const invalidPassword = '28P01';

/** A health check keeps its connection; one that logs in again within this was refused, most likely. In milliseconds. */
const again = 10_000;

/** Logs in to the database for pools: with the password that is known of the user, or with a token of IAM. */
export class DatabaseLogins {
  readonly #options: DatabaseLoginsOptions;
  readonly #tokens = new IamTokens();
  /** When each target’s health check logged in last, and how often in a row. */
  readonly #checked = new WeakMap<Target, { readonly at: number; readonly times: number }>();
  /** The password that each user last logged in with: in the middle of a rotation it need not be the newest. */
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
        // The secret may have been rotated since it was read; whoever waits for the connection need not notice.
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

  /** The passwords that the user may have, the one that worked last first. */
  #passwords(user: string): readonly string[] {
    const passwords = this.#options.state().credentials.databasePasswords(user);
    const working = this.#working.get(user);
    if (working === undefined || passwords[0] === working || !passwords.includes(working))
      return passwords;
    return [working, ...passwords.filter((password) => password !== working)];
  }

  /**
   * What a health check logs in with. It cannot wait, but it comes again: a secret that was rotated is read meanwhile,
   * and a token made.
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

  /** Makes no more tokens. */
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

/** AWS checks a token against the endpoint's own name, which its address does not show. */
function tokenAddress({ address: { endpoint, port } }: Target): TokenAddress {
  return { host: endpoint, port };
}
