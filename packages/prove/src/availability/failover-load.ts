import { setTimeout as delay } from 'node:timers/promises';
import { ConnectGate } from './connect-gate.ts';
import { LastingConnection } from './lasting-connection.ts';

/** One request of the load. Times are in milliseconds of the wall clock. */
export interface Outcome {
  readonly kind: 'read' | 'write';
  readonly asked: number;
  readonly answered: number;
  /** Null: its last attempt succeeded. */
  readonly error: string | null;
  /** The number of attempts. */
  readonly attempts: number;
  /** The number of the row for a write; -1 for a read. */
  readonly id: number;
}

/** The options of a load. */
export interface FailoverLoadOptions {
  readonly name: string;
  /** The current URL for its clients. */
  readonly url: () => string;
  readonly connections: number;
  /** The table for writes, with the columns `lane` and `id`. */
  readonly table: string;
  /** The timeout after which a request counts as failed, in milliseconds. Default 5,000. */
  readonly patienceMs?: number;
  /**
   * Requests that certainly had no effect are retried until their timeout, and connections are reopened as soon as
   * possible. Otherwise a request is sent once, and connections are reopened after 100 ms, as by a driver alone.
   */
  readonly retries?: boolean;
}

/** The interval between two attempts of one request, in milliseconds. */
const retryMs = 10;

/**
 * Errors after which a write certainly had no effect: the connection was refused or leads to a standby, or the
 * transaction was rolled back. Not 57P01, which also ends a commit that waits for its standby.
 */
const noEffect = new Set([
  'no connection',
  '08001',
  '08004',
  '25006',
  '40001',
  '40P01',
  '53300',
  '57P03',
]);

/** A steady load: writes of numbered rows, and reads, at fixed rates that do not depend on the responses. */
export class FailoverLoad {
  readonly name: string;
  readonly table: string;
  readonly outcomes: Outcome[] = [];
  readonly #connections: LastingConnection[];
  readonly #patienceMs: number;
  readonly #retries: boolean;
  readonly #waiting: {
    readonly since: number;
    readonly resolve: (connection: LastingConnection | null) => void;
  }[] = [];
  #nextId = 0;
  #timers: NodeJS.Timeout[] = [];
  #open = 0;

  constructor(options: FailoverLoadOptions) {
    const { name, url, connections, table, patienceMs = 5000, retries = false } = options;
    this.name = name;
    this.table = table;
    this.#patienceMs = patienceMs;
    this.#retries = retries;
    const gate = retries ? new ConnectGate(connections) : 100;
    this.#connections = Array.from(
      { length: connections },
      () => new LastingConnection(url, gate, patienceMs),
    );
  }

  async connect(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.connect()));
  }

  /** Starts the load at these rates per second. */
  start(writes: number, reads: number): void {
    this.#every(writes, () => void this.#request('write'));
    this.#every(reads, () => void this.#request('read'));
    // Connections are also reopened between requests.
    this.#timers.push(setInterval(() => this.#serve(), 2));
  }

  /** Sends no further requests; resolves when all pending ones have ended. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    while (this.#open > 0) {
      this.#serve();
      await delay(2);
    }
  }

  /** Closes everything, also without a preceding `stop`. */
  async end(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    for (const { resolve } of this.#waiting.splice(0)) resolve(null);
    await Promise.all(this.#connections.map((connection) => connection.end()));
  }

  /** Timers tick at most every 2 ms; each tick sends the requests that are due. */
  #every(rate: number, send: () => void): void {
    if (rate <= 0) return;
    const started = performance.now();
    let sent = 0;
    const timer = setInterval(() => {
      const due = ((performance.now() - started) * rate) / 1000;
      for (; sent < due; sent++) send();
    }, 2);
    this.#timers.push(timer);
  }

  async #request(kind: Outcome['kind']): Promise<void> {
    const asked = Date.now();
    const id = kind === 'write' ? this.#nextId++ : -1;
    this.#open++;
    let attempts = 0;
    let error: string | null;
    do {
      if (attempts > 0) await delay(retryMs);
      attempts++;
      const connection = await this.#free(asked);
      error = connection === null ? 'no connection' : await this.#send(connection, kind, id);
      this.#serve();
    } while (error !== null && this.#mayRetry(kind, error, asked));
    this.#open--;
    this.outcomes.push({ kind, asked, answered: Date.now(), error, attempts, id });
    this.#serve();
  }

  #send(connection: LastingConnection, kind: Outcome['kind'], id: number): Promise<string | null> {
    return kind === 'write'
      ? connection.run(`INSERT INTO ${this.table} (lane, id) VALUES ($1, $2)`, [this.name, id])
      : connection.run('SELECT 1', []);
  }

  #mayRetry(kind: Outcome['kind'], error: string, asked: number): boolean {
    if (!this.#retries || Date.now() - asked >= this.#patienceMs) return false;
    return kind === 'read' || noEffect.has(error);
  }

  /** A free connection. Requests wait for one in order, as in the pool of an application, until their timeout. */
  #free(since: number): Promise<LastingConnection | null> {
    return new Promise((resolve) => {
      this.#waiting.push({ since, resolve });
      this.#serve();
    });
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting;
      const free = this.#connections.find(({ isFree }) => isFree) ?? null;
      if (first === undefined || (free === null && Date.now() - first.since < this.#patienceMs))
        return;
      this.#waiting.shift();
      free?.take();
      first.resolve(free);
    }
  }
}

/** The numbers of the writes that were acknowledged. */
export function acknowledgedIds(load: FailoverLoad): number[] {
  return load.outcomes.filter(isAcknowledged).map(({ id }) => id);
}

/** True for an acknowledged write. */
export function isAcknowledged({ kind, error }: Outcome): boolean {
  return kind === 'write' && error === null;
}
