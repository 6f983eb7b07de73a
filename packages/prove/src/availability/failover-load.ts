import { setTimeout as delay } from 'node:timers/promises';
import { ConnectGate } from './connect-gate.ts';
import { LastingConnection } from './lasting-connection.ts';

/** One request of the load. Times in milliseconds of the wall clock. */
export interface Outcome {
  readonly kind: 'read' | 'write';
  readonly asked: number;
  readonly answered: number;
  /** Null: it succeeded, at the last attempt. */
  readonly error: string | null;
  /** How often it was sent. */
  readonly attempts: number;
  /** The row, for a write; -1 for a read. */
  readonly id: number;
}

/** What a load is told. */
export interface FailoverLoadOptions {
  readonly name: string;
  /** Where its clients dial at this moment. */
  readonly url: () => string;
  readonly connections: number;
  /** The table that writes go to, with columns `lane` and `id`. */
  readonly table: string;
  /** How long a request may take before it counts as failed, in milliseconds. Default 5,000. */
  readonly patienceMs?: number;
  /**
   * Requests that certainly had no effect are asked again until the patience is over, and connections come back as soon as
   * possible. Otherwise a request is asked once, and connections come back after a pause of 100 ms, as with a driver alone.
   */
  readonly retries?: boolean;
}

/** Between two attempts of one request, in milliseconds. */
const retryMs = 10;

/**
 * Errors that say that a write has had no effect: the connection was refused or is that of a standby, or the transaction was
 * rolled back. 57P01 is not among them: a commit that waits for its standby is ended with it.
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

/** A steady load: writes of numbered rows and reads, each at its rate, whatever became of those before. */
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

  /** Starts to ask: so many writes and reads a second. */
  start(writes: number, reads: number): void {
    this.#every(writes, () => void this.#ask('write'));
    this.#every(reads, () => void this.#ask('read'));
    // Connections come back between requests too.
    this.#timers.push(setInterval(() => this.#serve(), 2));
  }

  /** Asks no more; resolves when all that was asked has ended. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    while (this.#open > 0) {
      this.#serve();
      await delay(2);
    }
  }

  /** Ends it, also when it was not stopped in order. */
  async end(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    for (const { resolve } of this.#waiting.splice(0)) resolve(null);
    await Promise.all(this.#connections.map((connection) => connection.end()));
  }

  /** Timers tick every 2 ms at most; each tick asks for as many as are due. */
  #every(rate: number, ask: () => void): void {
    if (rate <= 0) return;
    const started = performance.now();
    let asked = 0;
    const timer = setInterval(() => {
      const due = ((performance.now() - started) * rate) / 1000;
      for (; asked < due; asked++) ask();
    }, 2);
    this.#timers.push(timer);
  }

  async #ask(kind: Outcome['kind']): Promise<void> {
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

  /** A connection that is free, waited for in turn as in the pool of an application, as long as the patience lasts. */
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

/** True for a write that the application was told has taken effect. */
export function isAcknowledged({ kind, error }: Outcome): boolean {
  return kind === 'write' && error === null;
}
