import type { Logger } from 'pino';
import { AdminServer } from './admin/admin-server.ts';
import { describeGroup } from './admin/describe-group.ts';
import { sendCancelRequest } from './backend/connect.ts';
import { DatabaseLogins } from './backend/database-logins.ts';
import { dialOptions } from './backend/dial.ts';
import type { Address, DialOptions } from './backend/dial.ts';
import type { LoginOptions } from './backend/login.ts';
import { Credentials } from './credentials/credentials.ts';
import { Refresher } from './credentials/refresher.ts';
import { SecretsManager } from './credentials/secrets-manager.ts';
import { ProxyError } from './errors.ts';
import { Endpoint } from './frontend/endpoint.ts';
import { handshakeOptions } from './frontend/handshake-options.ts';
import type { HandshakeOptions } from './frontend/handshake-options.ts';
import { endpointLimits, groupLimits } from './limits.ts';
import { onTick } from './relay/clock.ts';
import { diffSettings } from './settings/index.ts';
import type { Settings } from './settings/index.ts';
import { loadParser } from './sql/index.ts';
import { findPlaces } from './target/places.ts';
import type { Places } from './target/places.ts';
import type { TargetRole } from './target/role-pools.ts';
import { TargetGroup } from './target/target-group.ts';
import type { Target } from './target/target.ts';
import { events } from './telemetry/events.ts';
import { createLogger, logEvents } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';

/** A running proxy. */
export interface RunningProxy {
  readonly endpoints: readonly {
    readonly name: string;
    readonly role: TargetRole;
    readonly host: string;
    readonly port: number;
  }[];
  readonly admin: { readonly host: string; readonly port: number };
  /** The log, for what the command around the proxy has to say. */
  readonly logger: Logger;
  /**
   * Applies what can change while clients are connected; says what cannot. Throws, and changes nothing, when a
   * file that the settings name cannot be read.
   */
  reload(next: Settings): Promise<ReloadResult>;
  /** No new clients; transactions finish; resolves when all is closed. */
  drain(): Promise<void>;
  /** Ends everything now. */
  stop(): Promise<void>;
}

/** What a reload did, by the names of settings. */
export interface ReloadResult {
  readonly applied: readonly string[];
  readonly refused: readonly { readonly setting: string; readonly reason: string }[];
}

/** Starts the proxy with these settings; resolves when clients can connect. */
export async function startProxy(settings: Settings): Promise<RunningProxy> {
  await loadParser();
  const secrets = new SecretsManager();
  const proxy = new PoolingProxy(
    settings,
    secrets,
    await Credentials.load(settings, secrets),
    await findPlaces(settings),
  );
  await proxy.listen();
  return proxy;
}

/** The rooms put together: endpoint, target, admin port, and the clock that drives their time limits. */
class PoolingProxy implements RunningProxy {
  endpoints: RunningProxy['endpoints'] = [];
  admin: RunningProxy['admin'] = { host: '', port: 0 };
  logger: Logger;

  #settings: Settings;
  #credentials: Credentials;
  #dialOptions: DialOptions;
  #handshake: HandshakeOptions;
  #stopLog: () => void;
  readonly #secrets: SecretsManager;
  readonly #refresher: Refresher;
  readonly #logins: DatabaseLogins;
  readonly #group: TargetGroup;
  readonly #endpoints: readonly Endpoint[];
  readonly #adminServer: AdminServer;
  readonly #stopTicking: () => void;
  #draining = false;

  constructor(
    settings: Settings,
    secrets: SecretsManager,
    credentials: Credentials,
    places: Places,
  ) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#credentials = credentials;
    this.#dialOptions = dialOptions(settings);
    this.#handshake = handshakeOptions(settings, credentials, this.#wrongPassword);
    this.logger = openLog(settings);
    this.#stopLog = logEvents(this.logger, settings.DebugLogging);
    this.#refresher = new Refresher({
      refresh: () => this.#refresh(),
      interval: () => this.#settings.SecretsRefreshInterval * 1000,
      failed: (error) => events.secretsFailed.publish({ why: String(error) }),
    });
    this.#logins = new DatabaseLogins({
      state: () => ({ settings: this.#settings, credentials: this.#credentials }),
      addressOf: (target) => this.#addressOf(target),
      refresh: () => this.#refresher.soon(),
    });
    this.#group = new TargetGroup(places, groupLimits(settings), {
      connect: (target, pool, done) => this.#logins.open(target, pool, new Map(), done),
      healthLogin: (target) => this.#healthLogin(target),
    });
    this.#endpoints = [
      this.#makeEndpoint('default', 'READ_WRITE'),
      ...settings.Endpoints.map(({ EndpointName, TargetRole }) =>
        this.#makeEndpoint(EndpointName, TargetRole),
      ),
    ];
    this.#adminServer = new AdminServer({
      metrics: createMetrics({ endpoints: this.#endpoints, group: this.#group }),
      notReady: () => this.#notReady(),
      targets: () => describeGroup(this.#group),
      group: this.#group,
    });
    this.#stopTicking = onTick(() => {
      this.#group.tick();
      for (const endpoint of this.#endpoints) endpoint.tick();
    });
  }

  /** A client that knows a newer password than the proxy gets in when it tries again. */
  readonly #wrongPassword = (): void => {
    if (this.#settings.Auth.length > 0) void this.#refresher.soon();
  };

  async listen(): Promise<void> {
    const { ListenHost, ListenPort, AdminHost, AdminPort, Endpoints } = this.#settings;
    try {
      const admin = await this.#adminServer.listen(AdminHost, AdminPort);
      this.admin = { host: admin.address, port: admin.port };
      const listening = [];
      for (const [at, endpoint] of this.#endpoints.entries()) {
        const own = at === 0 ? undefined : Endpoints[at - 1];
        const { address, port } = await endpoint.listen(
          own?.ListenHost ?? ListenHost,
          own?.ListenPort ?? ListenPort,
        );
        listening.push({ name: endpoint.name, role: endpoint.role, host: address, port });
      }
      this.endpoints = listening;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async reload(next: Settings): Promise<ReloadResult> {
    const { changed, notReloadable } = diffSettings(this.#settings, next);
    // Everything that can fail comes first, so that a reload takes effect whole or not at all.
    const credentials = await Credentials.load(next, this.#secrets);
    const dialling = dialOptions(next);
    const handshake = handshakeOptions(next, credentials, this.#wrongPassword);
    const kept = Object.fromEntries(notReloadable.map((name) => [name, this.#settings[name]]));
    const passwordsOf = credentials.changedFrom(this.#credentials);
    this.#settings = Object.freeze({ ...next, ...kept });
    this.#dialOptions = dialling;
    this.#handshake = handshake;
    for (const endpoint of this.#endpoints) endpoint.limits = endpointLimits(this.#settings);
    this.#group.reload(groupLimits(this.#settings));
    this.#take(credentials, passwordsOf);
    if (
      changed.some((name) => name === 'LogLevel' || name === 'LogFormat' || name === 'DebugLogging')
    ) {
      this.#stopLog();
      this.logger = openLog(this.#settings);
      this.#stopLog = logEvents(this.logger, this.#settings.DebugLogging);
    }
    const refused = notReloadable.map((setting) => ({
      setting,
      reason: 'takes effect at the next start',
    }));
    const applied = changed.filter((name) => !notReloadable.includes(name));
    events.settingsReloaded.publish({ applied, refused });
    return { applied, refused };
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

  async stop(): Promise<void> {
    this.#draining = true;
    this.#refresher.stop();
    this.#secrets.close();
    for (const endpoint of this.#endpoints) endpoint.stop();
    this.#group.close(new ProxyError('SHUTTING_DOWN').fields);
    this.#stopTicking();
    await this.#adminServer.close();
    this.#stopLog();
  }

  /** Takes what secrets hold now; a reload that came meanwhile has read them itself. */
  async #refresh(): Promise<void> {
    const settings = this.#settings;
    if (settings.Auth.length === 0) return;
    const credentials = await Credentials.load(settings, this.#secrets);
    if (settings !== this.#settings || this.#draining) return;
    const users = credentials.changedFrom(this.#credentials);
    if (users.length === 0) return;
    this.#handshake = { ...this.#handshake, credentials };
    this.#take(credentials, users);
    events.secretsChanged.publish({ users });
  }

  /** Pools of users whose password has changed log in anew. */
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
      cancel: (key, done) =>
        sendCancelRequest(
          key.address,
          key.processId,
          key.secretKey,
          this.#settings.CancelTimeout * 1000,
          done,
        ),
      connect: (target, pool, startup, done) => this.#logins.open(target, pool, startup, done),
    });
  }

  #addressOf({ place: { host, port, serverName } }: Target): Address {
    return { ...this.#dialOptions, host, port, serverName };
  }

  /** Whom the health check logs in as: HealthCheckUser, or the first user whose password is known. */
  #healthLogin(target: Target): LoginOptions {
    const { HealthCheckUser, HealthCheckDatabase } = this.#settings;
    const user = HealthCheckUser ?? this.#credentials.firstDatabaseUser ?? 'postgres';
    return {
      address: this.#addressOf(target),
      user,
      password: this.#logins.passwordFor(user, target),
      startup: [
        ['user', user],
        ['database', HealthCheckDatabase],
        ['application_name', 'sluice health check'],
      ],
    };
  }

  /**
   * Ready means that clients can be served now or will be after waiting: once the database has been reached the
   * proxy stays ready through its outages, since a fail-over must not take every proxy out of its load balancer.
   */
  async #notReady(): Promise<string | null> {
    if (this.#draining) return 'draining';
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
