import type { Address } from '../backend/dial.ts';
import type { Credential, Credentials } from '../credentials/credentials.ts';
import type { LoginKeys, LoginSecret } from '../credentials/login-keys.ts';
import type { SecretVault } from '../credentials/secret-vault.ts';
import { plainSupport, tokenVerifiers } from './login-support.ts';
import type { LoginSupport, TokenVerifiers } from './login-support.ts';
import type { Settings } from '../settings/index.ts';
import type { TargetGroup } from '../targets/target-group.ts';
import type { Target } from '../targets/target.ts';
import { events } from '../telemetry/events.ts';
import { AuthQueryConnection } from './auth-query-connection.ts';
import { AuthQuery } from './auth-query.ts';
import type { TryToken } from './iam-verifier.ts';
import { TokenLogins } from './token-logins.ts';
import { outage } from './verdict.ts';

/** The application name of connections for AuthQuery. */
const startup = new Map([
  ['client_encoding', 'UTF8'],
  ['application_name', 'sluice auth_query'],
]);

const none: readonly Credential[] = [];

/** What logins need of the proxy. */
export interface AuthSupportOptions {
  readonly state: () => { readonly settings: Settings; readonly credentials: Credentials };
  readonly vault: SecretVault;
  readonly group: () => TargetGroup;
  readonly addressOf: (target: Target) => Address;
  /** Rereads the secret of a user, and applies changes. */
  readonly refresh: (user: string) => Promise<unknown>;
  readonly unread: () => boolean;
}

/** The support for logins by the rest of the proxy: users in the database, newer passwords, checks of tokens. */
export class AuthSupport implements LoginSupport {
  readonly verifiers: TokenVerifiers;
  readonly delay = plainSupport().delay;
  readonly #options: AuthSupportOptions;
  #query: AuthQuery | null = null;
  #connection: AuthQueryConnection | null = null;
  readonly #keys = new Map<string, LoginKeys>();
  readonly #tokenLogins = new WeakMap<Target, TokenLogins>();

  constructor(options: AuthSupportOptions) {
    this.#options = options;
    this.verifiers = tokenVerifiers((...given) => this.#tryToken(...given));
    this.reload();
  }

  /** Settings have changed: drops the cached results of AuthQuery. */
  reload(): void {
    this.close();
    const { settings } = this.#options.state();
    const { AuthQuery: sql } = settings;
    if (sql === undefined) return;
    const connection = new AuthQueryConnection(() => this.#pool(), settings.ConnectTimeout * 1000);
    this.#connection = connection;
    this.#query = new AuthQuery({
      run: (text) => connection.run(text),
      sql,
      cacheTime: settings.AuthQueryCacheTime * 1000,
      negativeCacheTime: settings.AuthQueryNegativeCacheTime * 1000,
      failed: (why) => events.authQueryFailed.publish({ why }),
    });
  }

  lookUp(user: string): Credential | undefined | Promise<Credential | undefined> {
    return this.#query?.lookUp(user);
  }

  queriedUsers(): readonly Credential[] {
    return this.#query?.users ?? none;
  }

  async again(user: string): Promise<Credential | undefined> {
    const { state, refresh } = this.#options;
    if (state().settings.Auth.length > 0) await refresh(user);
    return state().credentials.client(user) ?? this.#query?.again(user);
  }

  learned(user: string, keys: LoginKeys): void {
    if (this.#options.state().credentials.databasePasswords(user).length === 0)
      this.#keys.set(user, keys);
  }

  unread(): boolean {
    return this.#options.unread();
  }

  /** The secret for a login to the database as a user whose password is not known. */
  secretOf(user: string): LoginSecret {
    const keys = this.#keys.get(user);
    const known = this.#options.state().credentials.client(user) ?? this.#query?.known(user);
    const md5 = known?.proofs[0]?.md5;
    return {
      ...(keys === undefined ? {} : { keys }),
      ...(md5 === undefined || md5 === null ? {} : { md5 }),
    };
  }

  /** The database refused the keys of a client: the password has changed. */
  refused(user: string): void {
    this.#keys.delete(user);
    void this.#query?.again(user);
  }

  close(): void {
    this.#connection?.close();
    this.#connection = null;
    this.#query = null;
  }

  /** The pool for the connection of AuthQuery: that of the writer, or of the readers while there is no writer. */
  #pool(): ReturnType<ReturnType<TargetGroup['pools']>['pool']> | null {
    const { settings, credentials } = this.#options.state();
    const group = this.#options.group();
    const user =
      settings.AuthQueryUser ?? settings.HealthCheckUser ?? credentials.firstDatabaseUser;
    const pools = (['READ_WRITE', 'READ_ONLY'] as const)
      .map((role) => group.pools(role))
      .find(({ serving }) => serving.some(({ isBorrowable }) => isBorrowable));
    if (user === undefined || pools === undefined) return null;
    return pools.pool(settings.AuthQueryDatabase, user, startup);
  }

  /** Checks a token by a login with it as the password. */
  #tryToken(...[token, user, database, endpoint]: Parameters<TryToken>): ReturnType<TryToken> {
    const { group, addressOf, state } = this.#options;
    const { targets, writer } = group();
    const named = targets.find(
      ({ address: known }) => known.endpoint === endpoint.host && known.port === endpoint.port,
    );
    const target = named ?? writer ?? targets[0];
    if (target === undefined)
      return Promise.resolve(outage('no target is available to check the token'));
    const { tlsMode } = addressOf(target);
    if (!tlsMode.startsWith('verify-'))
      return Promise.resolve({
        why: `the proxy sends tokens only to a database whose certificate it verifies, and TargetTlsMode is ${tlsMode}`,
      });
    let logins = this.#tokenLogins.get(target);
    if (logins === undefined) {
      logins = new TokenLogins(target, addressOf);
      this.#tokenLogins.set(target, logins);
    }
    return logins.check({ token, user, database, timeout: state().settings.ConnectTimeout * 1000 });
  }
}
