import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { Statement, Step, Workload } from '../workload/workload.ts';

/** The timeout after which a login counts as failed, in milliseconds. */
const loginTimeoutMs = 10_000;

/** The timeout after which the application gives up a statement, in milliseconds. */
const statementTimeoutMs = 30_000;

/** One connection of the application that a workload describes. */
export class WorkloadClient {
  readonly #client: Client;
  readonly #workload: Workload;
  #isBroken = false;

  private constructor(client: Client, workload: Workload) {
    this.#client = client;
    this.#workload = workload;
    client.on('error', () => {
      this.#isBroken = true;
    });
    client.on('end', () => {
      this.#isBroken = true;
    });
  }

  /** Logs in, and sends what the driver sends on each new connection. */
  static async connect(url: string, workload: Workload): Promise<WorkloadClient> {
    const client = new Client({
      connectionString: url,
      connectionTimeoutMillis: loginTimeoutMs,
      keepAlive: true,
    });
    const self = new WorkloadClient(client, workload);
    try {
      await client.connect();
      for (const text of workload.session) await client.query(text);
      return self;
    } catch (error) {
      await self.end();
      throw error;
    }
  }

  /** It is no longer usable. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Runs one transaction, chosen by weight, and what the driver sends after it. */
  async transact(): Promise<void> {
    const { steps } = this.#workload.pick();
    try {
      for (const step of steps) await this.#step(step);
      for (const text of this.#workload.release) await this.#client.query(text);
    } catch (error) {
      if (!this.#isBroken) await this.#client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  /** Sends a query without side effects. */
  async query(): Promise<void> {
    await this.#client.query('SELECT 1');
  }

  async end(): Promise<void> {
    // `end()` may never resolve if the connection was never established.
    await Promise.race([
      this.#client.end().catch(() => undefined),
      delay(1000, undefined, { ref: false }),
    ]);
  }

  #step(step: Step): Promise<unknown> {
    return typeof step === 'number' ? delay(step) : this.#send(step);
  }

  #send({ name, text, values }: Statement): Promise<unknown> {
    if (values.length === 0 && name === null) return this.#client.query(text);
    const config = {
      text,
      values: values.map((make) => make()),
      query_timeout: statementTimeoutMs,
      ...(name === null ? {} : { name }),
    };
    return this.#client.query(config);
  }
}

/** The SQLSTATE of an error, or the message of the driver or the operating system. */
export function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return code ?? error.message;
}
