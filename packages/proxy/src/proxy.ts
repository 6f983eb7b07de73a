import type { Logger } from 'pino';
import { bytesOf } from '@sluice/wire';
import { AdminAccess, isLocalHost } from './admin/admin-access.ts';
import { AdminServer } from './admin/admin-server.ts';
import { readAdminTls } from './admin/admin-tls.ts';
import { describeGroup } from './admin/describe-group.ts';
import { readStatus } from './admin/status.ts';
import type { ProxyStatus } from './admin/status.ts';
import { CancelQueue } from './backend/cancel-queue.ts';
import { sendCancelRequest } from './backend/connect.ts';
import { AuthSupport } from './authentication/auth-support.ts';
import { DatabaseLogins } from './targets/database-logins.ts';
import { dialOptions } from './backend/dial.ts';
import type { Address, DialOptions } from './backend/dial.ts';
import type { LoginOptions } from './backend/login.ts';
import { Credentials } from './credentials/credentials.ts';
import { Refresher } from './credentials/refresher.ts';
import { SecretVault, firstDefinite } from './credentials/secret-vault.ts';
import type { SecretReading } from './credentials/secret-vault.ts';
import { ProxyError } from './errors.ts';
import { Endpoint } from './frontend/endpoint.ts';
import type { ReplicationLink } from './frontend/replication-link.ts';
import { handshakeOptions } from './frontend/handshake-options.ts';
import type { HandshakeOptions } from './frontend/handshake-options.ts';
import { endpointLimits, groupLimits, limitProcess } from './limits.ts';
import { onTick } from './io/clock.ts';
import { retryDelay } from './pool/back-off.ts';
import { CancelKeys } from './session/cancel-keys.ts';
import type { Session } from './session/session.ts';
import { diffSettings } from './settings/index.ts';
import type { Settings } from './settings/index.ts';
import { socketFile } from './settings/socket-directory.ts';
import { loadParser } from './sql/index.ts';
import { findTargetAddresses } from './targets/target-addresses.ts';
import type { TargetAddresses } from './targets/target-addresses.ts';
import type { TargetRole } from './targets/role-pools.ts';
import { TargetGroup } from './targets/target-group.ts';
import type { Target } from './targets/target.ts';
import type { VacancyOwner } from './targets/vacancy.ts';
import { events } from './telemetry/events.ts';
import { createLogger, logEvents } from './telemetry/logger.ts';
import { createMetrics } from './admin/metrics.ts';

/** A running proxy. */
export interface RunningProxy {
  readonly endpoints: readonly {
    readonly name: string;
    readonly role: TargetRole;
    readonly host: string;
    readonly port: number;
    /** The file of its Unix socket. */
    readonly socket?: string;
  }[];
  readonly admin: { readonly host: string; readonly port: number };
  /** The log, for messages of the command. */
  readonly logger: Logger;
  /**
   * Applies reloadable settings, and returns the others. Throws, and changes nothing, if a file that the settings name
   * cannot be read.
   */
  reload(next: Settings): Promise<ReloadResult>;
  /**
   * Pauses every client at the end of its transaction; true once nothing is running. Call it again until it is.
   */
  pause(): boolean;
  /** Ends a pause. */
  resume(): void;
  /** The current state of clients, pools and targets. */
  status(): ProxyStatus;
  /** Refuses new clients and waits for transactions; resolves when everything is closed. */
  drain(): Promise<void>;
  /** Stops immediately. */
  stop(): Promise<void>;
}

/** The result of a reload, by the names of settings. */
export interface ReloadResult {
  readonly applied: readonly string[];
  readonly refused: readonly { readonly setting: string; readonly reason: string }[];
}

/** Starts the proxy with these settings; resolves when clients can connect. */
export async function startProxy(settings: Settings): Promise<RunningProxy> {
  await loadParser();
  const vault = new SecretVault();
  const reading = await vault.read(settings);
  const definite = firstDefinite(reading.unread);
  if (definite !== undefined) {
    vault.close();
    throw definite;
  }
  const proxy = new PoolingProxy(
    settings,
    vault,
    reading,
    await Credentials.load(settings, reading.users),
    await findTargetAddresses(settings),
  );
  await proxy.listen();
  return proxy;
}

/** The assembled proxy: endpoints, targets, admin port, and the clock for their timeouts. */
class PoolingProxy implements RunningProxy {
  endpoints: RunningProxy['endpoints'] = [];
  admin: RunningProxy['admin'] = { host: '', port: 0 };
  logger: Logger;

  #settings: Settings;
  #credentials: Credentials;
  #dialOptions: DialOptions;
  #handshake: HandshakeOptions;
  #stopLog: () => void;
  readonly #vault: SecretVault;
  /** Secrets that were never read, and the number of consecutive attempts. */
  #unread: readonly ProxyError[] = [];
  #tries = 0;
  readonly #support: AuthSupport;
  readonly #refresher: Refresher;
  readonly #logins: DatabaseLogins;
  readonly #group: TargetGroup;
  readonly #endpoints: readonly Endpoint[];
  readonly #adminServer: AdminServer;
  readonly #cancels = new CancelQueue(
    () => this.#settings.MaxCancelConnections,
    ({ address, processId, secretKey }, done) =>
      sendCancelRequest(address, processId, secretKey, this.#settings.CancelTimeout * 1000, done),
  );
  readonly #keys = new CancelKeys<Session | ReplicationLink>();
  readonly #stopTicking: () => void;
  readonly #startedAt = new Date();
  #adminAccess: AdminAccess;
  #draining = false;
  #stopped: Promise<void> | null = null;

  constructor(
    settings: Settings,
    vault: SecretVault,
    reading: SecretReading,
    credentials: Credentials,
    addresses: TargetAddresses,
  ) {
    this.#settings = settings;
    this.#vault = vault;
    this.#credentials = credentials;
    this.#dialOptions = dialOptions(settings);
    limitProcess(settings);
    this.#adminAccess = new AdminAccess(settings);
    this.#support = new AuthSupport({
      state: () => ({ settings: this.#settings, credentials: this.#credentials }),
      vault,
      group: () => this.#group,
      addressOf: (target) => this.#addressOf(target),
      refresh: (user) => this.#refreshUser(user),
      unread: () => this.#unread.length > 0,
    });
    this.#handshake = handshakeOptions(settings, () => this.#credentials, this.#support);
    this.logger = openLog(settings);
    this.#stopLog = logEvents(this.logger, settings.DebugLogging);
    this.#noteUnread(reading);
    this.#warnOfRules();
    this.#refresher = new Refresher({
      refresh: () => this.#refresh(),
      interval: () => this.#refreshInterval(),
      failed: (error) => events.secretsFailed.publish({ why: String(error) }),
    });
    this.#logins = new DatabaseLogins({
      state: () => ({ settings: this.#settings, credentials: this.#credentials }),
      addressOf: (target) => this.#addressOf(target),
      refresh: (user) => this.#refreshUser(user),
      secretOf: (user) => this.#support.secretOf(user),
      refused: (user) => this.#support.refused(user),
    });
    this.#group = new TargetGroup(addresses, groupLimits(settings), {
      connect: (target, pool, done) => this.#logins.open(target, pool, new Map(), done),
      healthDatabase: settings.HealthCheckDatabase,
      healthLogin: (target, elsewhere) => this.#healthLogin(target, elsewhere),
    });
    this.#endpoints = [
      this.#makeEndpoint('default', 'READ_WRITE'),
      ...settings.Endpoints.map(({ EndpointName, TargetRole }) =>
        this.#makeEndpoint(EndpointName, TargetRole),
      ),
    ];
    this.#adminServer = new AdminServer({
      metrics: createMetrics({
        endpoints: this.#endpoints,
        group: this.#group,
        secretAges: () => this.#vault.ages(this.#settings),
        cancels: this.#cancels,
      }),
      notReady: () => this.#notReady(),
      targets: () => describeGroup(this.#group),
      status: () => this.status(),
      hostNames: () => {
        const { AdminHost, AdminHostNames } = this.#settings;
        return [AdminHost, ...AdminHostNames.split(',')].map((name) => name.trim().toLowerCase());
      },
      access: () => this.#adminAccess,
      tls: readAdminTls(settings),
      group: this.#group,
    });
    this.#stopTicking = onTick(() => {
      this.#group.tick();
      for (const endpoint of this.#endpoints) endpoint.tick();
    });
  }

  /** The connections of endpoints to a database outside the pools. */
  readonly #internal: Pick<VacancyOwner, 'leave' | 'dropped'> = {
    leave: (database, closing) => {
      for (const { listeners } of this.#endpoints) listeners.makeWay(database, closing);
    },
    dropped: (database) => {
      for (const endpoint of this.#endpoints) endpoint.databaseDropped(database);
    },
  };

  async listen(): Promise<void> {
    const { ListenHost, ListenPort, ListenSocket, ListenSocketMode } = this.#settings;
    const { AdminHost, AdminPort, Endpoints } = this.#settings;
    try {
      const admin = await this.#adminServer.listen(AdminHost, AdminPort);
      this.admin = { host: admin.address, port: admin.port };
      if (!isLocalHost(AdminHost)) {
        const guard = this.#adminAccess.isGuarded
          ? 'it requires a token or a client certificate'
          : 'it answers only /healthz and /readyz, because neither a token nor AdminTlsCaFile is set';
        this.logger.warn(`the admin port listens on ${AdminHost}: ${guard}`);
      }
      const listening = [];
      for (const [at, endpoint] of this.#endpoints.entries()) {
        const own = at === 0 ? undefined : Endpoints[at - 1];
        const { address, port } = await endpoint.listen(
          own?.ListenHost ?? ListenHost,
          own?.ListenPort ?? ListenPort,
        );
        const directory = own?.ListenSocket ?? ListenSocket;
        const socket = directory === undefined ? undefined : socketFile(directory, port);
        if (socket !== undefined)
          await endpoint.listenOnFile(socket, Number.parseInt(ListenSocketMode, 8));
        listening.push({
          name: endpoint.name,
          role: endpoint.role,
          host: address,
          port,
          ...(socket === undefined ? {} : { socket }),
        });
      }
      this.endpoints = listening;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async reload(next: Settings): Promise<ReloadResult> {
    const { changed, notReloadable } = diffSettings(this.#settings, next);
    // Everything that can fail comes first, so that a reload takes effect completely or not at all.
    const reading = await this.#vault.read(next);
    const definite = firstDefinite(reading.unread);
    if (definite !== undefined) throw definite;
    const credentials = await Credentials.load(next, reading.users, this.#credentials);
    const dialling = dialOptions(next);
    const adminAccess = new AdminAccess(next);
    const handshake = handshakeOptions(next, () => this.#credentials, this.#support);
    const kept = Object.fromEntries(notReloadable.map((name) => [name, this.#settings[name]]));
    const passwordsOf = credentials.changedFrom(this.#credentials);
    this.#settings = Object.freeze({ ...next, ...kept });
    this.#dialOptions = dialling;
    this.#handshake = handshake;
    limitProcess(this.#settings);
    this.#adminAccess = adminAccess;
    for (const endpoint of this.#endpoints) endpoint.limits = endpointLimits(this.#settings);
    this.#group.reload(groupLimits(this.#settings));
    this.#take(credentials, passwordsOf);
    this.#support.reload();
    if (
      changed.some((name) => name === 'LogLevel' || name === 'LogFormat' || name === 'DebugLogging')
    ) {
      this.#stopLog();
      this.logger = openLog(this.#settings);
      this.#stopLog = logEvents(this.logger, this.#settings.DebugLogging);
    }
    this.#noteUnread(reading);
    this.#warnOfRules();
    const refused = notReloadable.map((setting) => ({
      setting,
      reason: 'takes effect after a restart',
    }));
    const applied = changed.filter((name) => !notReloadable.includes(name));
    events.settingsReloaded.publish({ applied, refused });
    return { applied, refused };
  }

  pause(): boolean {
    return this.#group.pause();
  }

  resume(): void {
    this.#group.resume();
  }

  status(): ProxyStatus {
    return readStatus({
      startedAt: this.#startedAt,
      draining: this.#draining,
      endpoints: this.#endpoints,
      group: this.#group,
    });
  }

  async drain(): Promise<void> {
    this.#draining = true;
    const clients = this.#endpoints.reduce((sum, { sessions }) => sum + sessions.size, 0);
    events.draining.publish({ clients });
    const { DrainTimeout } = this.#settings;
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      if (DrainTimeout > 0) timer = setTimeout(resolve, DrainTimeout * 1000);
    });
    await Promise.race([Promise.all(this.#endpoints.map((endpoint) => endpoint.drain())), enough]);
    clearTimeout(timer);
    await this.stop();
  }

  /** Stops everything; a second call waits for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#draining = true;
    this.#refresher.stop();
    this.#support.close();
    this.#vault.close();
    this.#logins.close();
    for (const endpoint of this.#endpoints) endpoint.stop();
    this.#group.close(new ProxyError('SHUTTING_DOWN').fields);
    this.#stopTicking();
    this.#adminServer.close();
    this.#stopLog();
  }

  /** Applies the current secrets; a reload in the meantime has read them itself. */
  async #refresh(): Promise<void> {
    const settings = this.#settings;
    if (settings.Auth.length === 0) return;
    const reading = await this.#vault.read(settings);
    if (settings !== this.#settings || this.#draining) return;
    this.#noteUnread(reading);
    for (const error of reading.stale) events.secretsFailed.publish({ why: error.message });
    await this.#takeSecrets();
  }

  /** Rereads the secret of one user, and applies changes. */
  async #refreshUser(user: string): Promise<void> {
    const settings = this.#settings;
    await this.#vault.readFor(user, settings);
    if (settings === this.#settings && !this.#draining) await this.#takeSecrets();
  }

  async #takeSecrets(): Promise<void> {
    const settings = this.#settings;
    const credentials = await Credentials.load(
      settings,
      this.#vault.users(settings),
      this.#credentials,
    );
    if (settings !== this.#settings || this.#draining) return;
    const users = credentials.changedFrom(this.#credentials);
    this.#take(credentials, users);
    if (users.length > 0) events.secretsChanged.publish({ users });
  }

  /** Secrets that were never read make the proxy not ready, and are retried more often than others. */
  #noteUnread({ unread }: SecretReading): void {
    this.#unread = unread;
    this.#tries = unread.length > 0 ? this.#tries + 1 : 0;
    if (unread.length > 0)
      events.secretsUnread.publish({ why: unread.map(({ message }) => message) });
  }

  #refreshInterval(): number {
    const regular = this.#settings.SecretsRefreshInterval * 1000;
    return this.#unread.length > 0
      ? Math.min(regular, retryDelay(this.#tries, 1000, 30_000))
      : regular;
  }

  #warnOfRules(): void {
    for (const warning of this.#handshake.rules.warnings)
      events.authRuleWarning.publish({ warning });
  }

  /** Pools of users with a changed password open new connections. */
  #take(credentials: Credentials, changed: readonly string[]): void {
    this.#credentials = credentials;
    for (const pools of this.#group.allPools)
      for (const user of changed) pools.recycle(user, 'the password has changed');
  }

  #makeEndpoint(name: string, role: TargetRole): Endpoint {
    return new Endpoint({
      name,
      pools: this.#group.pools(role),
      limits: endpointLimits(this.#settings),
      handshake: () => this.#handshake,
      cancel: this.#cancels.send,
      connect: (target, pool, startup, done) => this.#logins.open(target, pool, startup, done),
      keys: this.#keys,
      vacate: (wants, pool, ready) => this.#group.vacate(wants, pool, this.#internal, ready),
    });
  }

  #addressOf({ address: { host, port, serverName } }: Target): Address {
    return { ...this.#dialOptions, host, port, serverName };
  }

  /** The login of the health check: HealthCheckUser, or the first user with a known password. */
  #healthLogin(target: Target, elsewhere: boolean): LoginOptions {
    const { HealthCheckUser, HealthCheckDatabase } = this.#settings;
    const otherDatabase = HealthCheckDatabase === 'template1' ? 'postgres' : 'template1';
    const user = HealthCheckUser ?? this.#credentials.firstDatabaseUser ?? 'postgres';
    const secret = this.#logins.secretFor(user, target);
    return {
      address: this.#addressOf(target),
      user,
      password: secret.password,
      keys: secret.keys,
      md5: secret.md5,
      startup: [
        ['user', bytesOf(user)],
        ['database', bytesOf(elsewhere ? otherDatabase : HealthCheckDatabase)],
        ['application_name', 'sluice health check'],
      ],
    };
  }

  /**
   * Ready means that clients can be served, possibly after waiting. Once the database has been reached, the proxy stays
   * ready during its outages, because a failover must not remove every proxy from its load balancer.
   */
  async #notReady(): Promise<string | null> {
    if (this.#draining) return 'draining';
    const [unread] = this.#unread;
    if (unread !== undefined) return unread.message;
    await this.#group.firstAnswer;
    if (this.#group.hadWriter) return null;
    const { targets } = this.#group;
    const messages = targets.map(({ name, message }) => message || `${name} is a standby`);
    return `no target is the writer: ${messages.join('; ')}`;
  }
}

function openLog(settings: Settings): Logger {
  return createLogger({
    level: settings.LogLevel,
    format: settings.LogFormat,
    debug: settings.DebugLogging,
  });
}
