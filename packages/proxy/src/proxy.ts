import { sendCancelRequest } from './backend/connect.ts';
import { connector } from './backend/connector.ts';
import { Endpoint } from './frontend/endpoint.ts';
import { handshakeOptions } from './frontend/handshake-options.ts';
import { onTick } from './relay/clock.ts';
import { ProxyError } from './errors.ts';
import { CancelKeys } from './session/cancel-keys.ts';
import type { Session } from './session/session.ts';
import { diffSettings } from './settings/index.ts';
import type { Settings } from './settings/index.ts';
import { loadClassifier } from './sql/index.ts';
import { endpointLimits, targetLimits } from './limits.ts';
import { Target } from './target/target.ts';
import { events } from './telemetry/events.ts';

/** A running proxy. */
export interface RunningProxy {
  readonly endpoints: readonly {
    readonly name: string;
    readonly role: 'READ_WRITE' | 'READ_ONLY';
    readonly host: string;
    readonly port: number;
  }[];
  readonly admin: { readonly host: string; readonly port: number };
  /** Applies what can change while clients are connected; says what cannot. */
  reload(next: Settings): ReloadResult;
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
  await loadClassifier();
  const proxy = new Proxy(settings);
  await proxy.listen();
  return proxy;
}

/** The rooms put together: endpoint, target, admin port, and the clock that drives their time limits. */
class Proxy implements RunningProxy {
  readonly #target: Target;
  readonly #endpoint: Endpoint;
  readonly #admin: AdminServer;
  readonly #credentials: Credentials;
  readonly #stopTicking: () => void;
  #settings: Settings;
  #endpoints: RunningProxy['endpoints'] = [];
  #closed: Promise<void> | null = null;

  constructor(settings: Settings) {
    this.#settings = settings;
  }
}
