import type { Logger } from 'pino';
import { AdminServer } from './admin/admin-server.ts';
import { describeGroup } from './admin/describe-group.ts';
import { openDatabaseConnection, sendCancelRequest } from './backend/connect.ts';
import { dialOptions } from './backend/dial.ts';
import type { Address, DialOptions } from './backend/dial.ts';
import type { LoginOptions } from './backend/login.ts';
import { Credentials } from './credentials/credentials.ts';
import { ProxyError } from './errors.ts';
import { Endpoint } from './frontend/endpoint.ts';
import { handshakeOptions } from './frontend/handshake-options.ts';
import type { HandshakeOptions } from './frontend/handshake-options.ts';
import { endpointLimits, groupLimits } from './limits.ts';
import type { Pool } from './pool/pool.ts';
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
  const proxy = new PoolingProxy(
    settings,
    await Credentials.load(settings),
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
  readonly #group: TargetGroup;
  readonly #endpoints: readonly Endpoint[];
  readonly #adminServer: AdminServer;
  readonly #stopTicking: () => void;
  #draining = false;

  constructor(settings: Settings, credentials: Credentials, places: Places) {
    this.#settings = settings;
    this.#credentials = credentials;
    this.#dialOptions = dialOptions(settings);
    this.#handshake = handshakeOptions(settings, credentials);
    this.logger = openLog(settings);
    this.#stopLog = logEvents(this.logger, settings.DebugLogging);
    this.#group = new TargetGroup(places, groupLimits(settings), {
      connect: (target, pool, done) => this.#connect(target, pool, new Map(), done),
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
    const credentials = await Credentials.load(next);
    const dialling = dialOptions(next);
    const handshake = handshakeOptions(next, credentials);
    const kept = Object.fromEntries(notReloadable.map((name) => [name, this.#settings[name]]));
    const passwordsOf = credentials.changedFrom(this.#credentials);
    this.#settings = Object.freeze({ ...next, ...kept });
    this.#credentials = credentials;
    this.#dialOptions = dialling;
    this.#handshake = handshake;
    for (const endpoint of this.#endpoints) endpoint.limits = endpointLimits(this.#settings);
    this.#group.reload(groupLimits(this.#settings));
    for (const pools of this.#group.allPools)
      for (const user of passwordsOf) pools.recycle(user, 'the password has changed');
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
    for (const endpoint of this.#endpoints) endpoint.stop();
    this.#group.close(new ProxyError('SHUTTING_DOWN').fields);
    this.#stopTicking();
    await this.#adminServer.close();
    this.#stopLog();
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
      connect: (target, pool, startup, done) => this.#connect(target, pool, startup, done),
    });
  }

  #connect(
    target: Target,
    pool: Pool,
    startup: ReadonlyMap<string, string>,
    done: Parameters<typeof openDatabaseConnection>[1],
  ): void {
    openDatabaseConnection(
      {
        address: this.#addressOf(target),
        user: pool.user,
        password: this.#credentials.databasePassword(pool.user),
        startup: [
          ['user', pool.user],
          ['database', pool.database],
          ...pool.startupOnly,
          ...startup,
        ],
        timeout: this.#settings.ConnectTimeout * 1000,
      },
      done,
    );
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
      password: this.#credentials.databasePassword(user),
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
