import type { ProxyStatus, TargetRole } from '@sluice/proxy';
import type { ProxySettings } from './proxy-settings.ts';

/** A running proxy. */
export interface Proxy extends AsyncDisposable {
  /** The address of the first endpoint, which reads and writes. */
  readonly host: string;
  readonly port: number;
  /** Every endpoint: the first one, then those of the setting `Endpoints`. */
  readonly endpoints: readonly ListeningEndpoint[];
  /** The admin port, for example `http://127.0.0.1:9127`: `/metrics`, `/healthz`, `/readyz`, `/status`, `/targets`. */
  readonly adminUrl: string;

  /** What clients, pools and targets do right now. */
  status(): ProxyStatus;

  /**
   * Applies new settings while clients stay connected. Settings that are left out get their defaults, as in
   * {@link startProxy}.
   *
   * @returns what was applied, and what takes effect only at the next start.
   * @throws {@link SettingsError} and changes nothing when the settings are wrong.
   */
  reload(settings: ProxySettings): Promise<ReloadResult>;

  /**
   * Holds every client at the end of its transaction, for planned work on the database. Clients wait, and get no
   * error while `ConnectionBorrowTimeout` lasts.
   *
   * @returns true once nothing runs on the database any more; false when the time is up and something still runs.
   * The pause stays either way.
   */
  pause(options?: PauseOptions): Promise<boolean>;

  /** Ends a pause: clients are served by whichever target is the writer now. */
  resume(): void;

  /**
   * Ends well: no new clients, transactions finish, then it stops. `DrainTimeout` bounds how long it takes.
   */
  drain(): Promise<void>;

  /** Ends at once. Clients are told that the proxy shuts down. */
  stop(): Promise<void>;
}

/** Where clients can connect. */
export interface ListeningEndpoint {
  readonly name: string;
  readonly role: TargetRole;
  readonly host: string;
  readonly port: number;
}

/** How long a pause waits until nothing runs any more. */
export interface PauseOptions {
  /** In milliseconds. Default: 60,000; 0 does not wait. */
  readonly timeoutMs?: number;
  /** Ends the wait, not the pause; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a reload did, by the names of settings. */
export interface ReloadResult {
  readonly applied: readonly string[];
  readonly refused: readonly { readonly setting: string; readonly reason: string }[];
}
