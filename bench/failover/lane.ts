import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';

/** One request of the load. Times in milliseconds of the wall clock. */
export interface Outcome {
  readonly kind: 'read' | 'write';
  readonly asked: number;
  readonly answered: number;
  /** Null: it succeeded. */
  readonly error: string | null;
  /** The row, for a write. */
  readonly id: number;
}

/** Where a client dials at this moment. */
export type Resolve = () => string;

/** A client as applications have it: one connection, made anew when it breaks, after a short pause. */
class Connection {
  readonly #resolve: Resolve;
  #client: Client | null = null;
  #isBusy = false;
  #connecting = false;
  #stopped = false;

  constructor(resolve: Resolve) {
    this.#resolve = resolve;
  }

  get isFree(): boolean {
    return this.#client !== null && !this.#isBusy;
  }

  /** Nobody else gets it before its next statement has ended. */
  take(): void {
    this.#isBusy = true;
  }

  async connect(): Promise<void> {
    if (this.#connecting || this.#stopped) return;
    this.#connecting = true;
    while (!this.#stopped) {
      const client = new Client({
        connectionString: this.#resolve(),
        connectionTimeoutMillis: 1000,
      });
      client.on('error', () => this.#broken(client));
      try {
        await client.connect();
        this.#client = client;
        break;
      } catch {
        await delay(100);
      }
    }
    this.#connecting = false;
  }

  /** Runs a statement. An application gives one up after five seconds, and its connection with it. */
  async run(text: string, values: unknown[]): Promise<string | null> {
    const client = this.#client;
    if (client === null) {
      this.#isBusy = false;
      return 'no connection';
    }
    try {
      await client.query({ text, values, query_timeout: 5000 } as {
        text: string;
        values: unknown[];
      });
      return null;
    } catch (error) {
      const { code } = error as { code?: string };
      // What a driver has no SQLSTATE for is a broken connection; a standby takes no writes, and is left as well.
      if (code === undefined || !/^[0-9A-Z]{5}$/.test(code) || /^(57|25006)/.test(code))
        this.#broken(client);
      return code ?? (error as Error).message;
    } finally {
      this.#isBusy = false;
    }
  }

  async end(): Promise<void> {
    this.#stopped = true;
    await this.#client?.end().catch(() => undefined);
  }

  #broken(client: Client): void {
    if (this.#client !== client) return;
    this.#client = null;
    void client.end().catch(() => undefined);
    void this.connect();
  }
}

/** A steady load: writes of numbered rows and reads, each at its rate, whatever became of those before. */
export class Lane {
  readonly name: string;
  readonly outcomes: Outcome[] = [];
  readonly #connections: Connection[];
  readonly #waiting: { since: number; resolve: (connection: Connection | null) => void }[] = [];
  #nextId = 0;
  #timers: NodeJS.Timeout[] = [];
  #open = 0;

  constructor(name: string, resolve: Resolve, connections: number) {
    this.name = name;
    this.#connections = Array.from({ length: connections }, () => new Connection(resolve));
  }

  async connect(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.connect()));
  }

  /** Starts to ask: so many writes and reads a second. */
  start(writes: number, reads: number): void {
    this.#every(writes, () => void this.#ask('write'));
    this.#every(reads, () => void this.#ask('read'));
    // Connections come back between requests too.
    this.#timers.push(setInterval(() => this.#serve(), 10));
  }

  /** Asks no more; resolves when all that was asked has ended. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    while (this.#open > 0) {
      this.#serve();
      await delay(5);
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.end()));
  }

  /** Timers tick at most every 10 ms; each tick asks for as many as are due. */
  #every(rate: number, ask: () => void): void {
    const started = performance.now();
    let asked = 0;
    const timer = setInterval(() => {
      const due = ((performance.now() - started) * rate) / 1000;
      for (; asked < due; asked++) ask();
    }, 10);
    this.#timers.push(timer);
  }

  async #ask(kind: Outcome['kind']): Promise<void> {
    const asked = Date.now();
    const id = kind === 'write' ? this.#nextId++ : -1;
    this.#open++;
    const connection = await this.#free(asked);
    const error =
      connection === null
        ? 'no connection'
        : kind === 'write'
          ? await connection.run('INSERT INTO rows (lane, id) VALUES ($1, $2)', [this.name, id])
          : await connection.run('SELECT 1', []);
    this.#open--;
    this.outcomes.push({ kind, asked, answered: Date.now(), error, id });
    this.#serve();
  }

  /** A connection that is free, waited for in turn as in the pool of an application: up to five seconds. */
  #free(since: number): Promise<Connection | null> {
    return new Promise((resolve) => {
      this.#waiting.push({ since, resolve });
      this.#serve();
    });
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting;
      const free = this.#connections.find(({ isFree }) => isFree) ?? null;
      if (first === undefined || (free === null && Date.now() - first.since < 5000)) return;
      this.#waiting.shift();
      free?.take();
      first.resolve(free);
    }
  }
}
