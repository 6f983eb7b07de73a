import { connect } from 'node:net';
import type { Logger } from 'pino';
import { AdminServer } from './admin/admin-server.ts';
import { describeTarget } from './admin/describe-target.ts';
import { openDatabaseConnection, sendCancelRequest } from './backend/connect.ts';
import { targetAddress } from './backend/dial.ts';
import type { Address } from './backend/dial.ts';
import { Credentials } from './credentials/credentials.ts';
import { ProxyError } from './errors.ts';
import { Endpoint } from './frontend/endpoint.ts';
import { handshakeOptions } from './frontend/handshake-options.ts';
import type { HandshakeOptions } from './frontend/handshake-options.ts';
import { endpointLimits, targetLimits } from './limits.ts';
import type { Pool } from './pool/pool.ts';
import { onTick } from './relay/clock.ts';
import { diffSettings } from './settings/index.ts';
import type { Settings } from './settings/index.ts';
import { loadParser } from './sql/index.ts';
import { Target } from './target/target.ts';
import { events } from './telemetry/events.ts';
import { createLogger, logEvents } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';

/** A running proxy. */
export interface RunningProxy {
  readonly endpoints: readonly {
    readonly name: string;
    readonly role: 'READ_WRITE' | 'READ_ONLY';
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

/** How long `/readyz` waits for the database to accept a connection, in milliseconds. */
const probeTimeout = 2000;

/** Starts the proxy with these settings; resolves when clients can connect. */
export async function startProxy(settings: Settings): Promise<RunningProxy> {
  await loadParser();
  const proxy = new PoolingProxy(settings, await Credentials.load(settings));
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
  #address: Address;
  #handshake: HandshakeOptions;
  #stopLog: () => void;
  readonly #target: Target;
  readonly #endpoint: Endpoint;
  readonly #adminServer: AdminServer;
  readonly #stopTicking: () => void;
  #draining = false;

  constructor(settings: Settings, credentials: Credentials) {
    this.#settings = settings;
    this.#credentials = credentials;
    this.#address = targetAddress(settings);
    this.#handshake = handshakeOptions(settings, credentials);
    this.logger = openLog(settings);
    this.#stopLog = logEvents(this.logger, settings.DebugLogging);
    this.#target = new Target(
      `${settings.TargetHost}:${settings.TargetPort}`,
      targetLimits(settings),
      (pool, done) => this.#connect(pool, new Map(), done),
    );
    this.#endpoint = new Endpoint({
      name: 'default',
      target: this.#target,
      limits: endpointLimits(settings),
      handshake: () => this.#handshake,
      cancel: (key, done) =>
        sendCancelRequest(
          this.#address,
          key.processId,
          key.secretKey,
          this.#settings.CancelTimeout * 1000,
          done,
        ),
      connect: (pool, startup, done) => this.#connect(pool, startup, done),
    });
    this.#adminServer = new AdminServer({
      metrics: createMetrics({ endpoints: [this.#endpoint], targets: [this.#target] }),
      notReady: () => this.#notReady(),
      targets: () => [describeTarget(this.#target)],
    });
    this.#stopTicking = onTick(() => {
      this.#target.tick();
      this.#endpoint.tick();
    });
  }

  async listen(): Promise<void> {
    const { ListenHost, ListenPort, AdminHost, AdminPort } = this.#settings;
    try {
      const admin = await this.#adminServer.listen(AdminHost, AdminPort);
      this.admin = { host: admin.address, port: admin.port };
      const address = await this.#endpoint.listen(ListenHost, ListenPort);
      this.endpoints = [
        {
          name: this.#endpoint.name,
          role: this.#endpoint.role,
          host: address.address,
          port: address.port,
        },
      ];
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async reload(next: Settings): Promise<ReloadResult> {
    const { changed, notReloadable } = diffSettings(this.#settings, next);
    // Everything that can fail comes first, so that a reload takes effect whole or not at all.
    const credentials = await Credentials.load(next);
    const address = targetAddress(next);
    const handshake = handshakeOptions(next, credentials);
    const kept = Object.fromEntries(notReloadable.map((name) => [name, this.#settings[name]]));
    const passwordsOf = credentials.changedFrom(this.#credentials);
    this.#settings = Object.freeze({ ...next, ...kept });
    this.#credentials = credentials;
    this.#address = { ...address, host: this.#address.host, port: this.#address.port };
    this.#handshake = handshake;
    this.#endpoint.limits = endpointLimits(this.#settings);
    this.#target.reload(targetLimits(this.#settings));
    for (const pool of this.#target.pools)
      if (passwordsOf.includes(pool.user)) pool.recycle('the password has changed');
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
    events.draining.publish({ clients: this.#endpoint.sessions.size });
    const { DrainTimeout } = this.#settings;
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      if (DrainTimeout > 0) timer = setTimeout(resolve, DrainTimeout * 1000);
    });
    await Promise.race([this.#endpoint.drain(), enough]);
    clearTimeout(timer);
    await this.stop();
  }

  async stop(): Promise<void> {
    this.#draining = true;
    this.#endpoint.stop();
    this.#target.close(new ProxyError('SHUTTING_DOWN').fields);
    this.#stopTicking();
    await this.#adminServer.close();
    this.#stopLog();
  }

  #connect(
    pool: Pool,
    startup: ReadonlyMap<string, string>,
    done: Parameters<typeof openDatabaseConnection>[1],
  ): void {
    openDatabaseConnection(
      {
        address: this.#address,
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

  /**
   * Ready means that clients can be served now or will be after waiting: once the database has been reached the
   * proxy stays ready through its outages, since a fail-over must not take every proxy out of its load balancer.
   */
  #notReady(): Promise<string | null> {
    if (this.#draining) return Promise.resolve('draining');
    if (this.#target.capacity !== null) return Promise.resolve(null);
    const { host, port } = this.#address;
    return new Promise((resolve) => {
      const socket = connect({ host, port });
      const finish = (why: string | null): void => {
        socket.destroy();
        resolve(why);
      };
      socket.setTimeout(probeTimeout, () =>
        finish(`no answer from the database at ${host}:${port}`),
      );
      socket.once('connect', () => finish(null));
      socket.once('error', (error) =>
        finish(`cannot connect to the database at ${host}:${port}: ${error.message}`),
      );
    });
  }
}

function openLog(settings: Settings): Logger {
  return createLogger({
    level: settings.LogLevel,
    format: settings.LogFormat,
    debug: settings.DebugLogging,
  });
}
