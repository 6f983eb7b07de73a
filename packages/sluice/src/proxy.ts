import type { ProxyStatus, TargetRole } from '@sluice/proxy';
import type { ProxySettings } from './proxy-settings.ts';

/** A running proxy. */
export interface Proxy extends AsyncDisposable {
  /** The address of the first endpoint, which accepts reads and writes. */
  readonly host: string;
  readonly port: number;
  /** Every endpoint: the first one, then those of the setting `Endpoints`. */
  readonly endpoints: readonly ListeningEndpoint[];
  /** The admin port, for example `http://127.0.0.1:9127`: `/metrics`, `/healthz`, `/readyz`, `/status`, `/targets`. */
  readonly adminUrl: string;

  /** The current state of clients, pools and targets. */
  status(): ProxyStatus;

  /**
   * Applies new settings while clients stay connected. Omitted settings get their defaults, as in {@link startProxy}.
   *
   * @returns the applied settings, and those that take effect only at the next start.
   * @throws {@link SettingsError}, and changes nothing, if the settings are invalid.
   */
  reload(settings: ProxySettings): Promise<ReloadResult>;

  /**
   * Pauses every client at the end of its transaction, for planned work on the database. Clients wait, without an error
   * for up to `ConnectionBorrowTimeout`.
   *
   * @returns true once nothing is running on the database; false if something still is after the timeout.
   * The pause continues in both cases.
   */
  pause(options?: PauseOptions): Promise<boolean>;

  /** Ends a pause: the current writer serves the clients. */
  resume(): void;

  /**
   * Refuses new clients, lets transactions finish for up to `DrainTimeout`, then stops.
   */
  drain(): Promise<void>;

  /** Stops immediately. Clients get the error that the proxy is shutting down. */
  stop(): Promise<void>;
}

/** An address that clients can connect to. */
export interface ListeningEndpoint {
  readonly name: string;
  readonly role: TargetRole;
  readonly host: string;
  readonly port: number;
}

/** How long a pause waits until nothing is running. */
export interface PauseOptions {
  /** In milliseconds. Default: 60,000; 0 does not wait. */
  readonly timeoutMs?: number;
  /** Ends the wait, not the pause; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The result of a reload, by the names of settings. */
export interface ReloadResult {
  readonly applied: readonly string[];
  readonly refused: readonly { readonly setting: string; readonly reason: string }[];
}
