import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { errorCode } from '../load/workload-client.ts';
import type { ConnectGate } from './connect-gate.ts';

/** The timeout of an attempt to connect, in milliseconds. */
const connectTimeoutMs = 1000;

/** One connection, reopened when it breaks, as in an application. */
export class LastingConnection {
  readonly #url: () => string;
  readonly #gate: ConnectGate | number;
  readonly #patienceMs: number;
  #client: Client | null = null;
  #isBusy = false;
  #isConnecting = false;
  #isStopped = false;

  /**
   * @param url - the current URL.
   * @param gate - paces reconnects; or the pause between two of them, in milliseconds, as in a driver's pool.
   * @param patienceMs - the timeout after which the application gives up a statement and its connection.
   */
  constructor(url: () => string, gate: ConnectGate | number, patienceMs: number) {
    this.#url = url;
    this.#gate = gate;
    this.#patienceMs = patienceMs;
  }

  get isFree(): boolean {
    return this.#client !== null && !this.#isBusy;
  }

  /** Reserves it until its next statement has ended. */
  take(): void {
    this.#isBusy = true;
  }

  /** Connects, with retries until it is stopped; then throws the last error. */
  async connect(): Promise<void> {
    if (this.#isConnecting || this.#isStopped) return;
    this.#isConnecting = true;
    const gate = this.#gate;
    while (!this.#isStopped) {
      if (typeof gate !== 'number') await gate.turn();
      const client = new Client({
        connectionString: this.#url(),
        connectionTimeoutMillis: connectTimeoutMs,
        keepAlive: true,
      });
      client.on('error', () => this.#broken(client));
      const startedAt = performance.now();
      try {
        await client.connect();
        if (this.#isStopped) await client.end().catch(() => undefined);
        this.#client = client;
        if (typeof gate !== 'number') gate.succeeded();
        break;
      } catch {
        void client.end().catch(() => undefined);
        if (typeof gate === 'number') await delay(gate);
        else gate.failed(performance.now() - startedAt);
      }
    }
    this.#isConnecting = false;
  }

  /** Runs a statement; resolves to null, or to the SQLSTATE or message of the error. */
  async run(text: string, values: unknown[]): Promise<string | null> {
    const client = this.#client;
    if (client === null) {
      this.#isBusy = false;
      return 'no connection';
    }
    try {
      const config = { text, values, query_timeout: this.#patienceMs };
      await client.query(config);
      return null;
    } catch (error) {
      const code = errorCode(error);
      // An error without an SQLSTATE means a broken connection. A standby accepts no writes, so it is left too.
      if (!/^[0-9A-Z]{5}$/.test(code) || /^(57|25006)/.test(code)) this.#broken(client);
      return code;
    } finally {
      this.#isBusy = false;
    }
  }

  async end(): Promise<void> {
    this.#isStopped = true;
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined);
  }

  #broken(client: Client): void {
    if (this.#client !== client) return;
    this.#client = null;
    void client.end().catch(() => undefined);
    void this.connect();
  }
}
