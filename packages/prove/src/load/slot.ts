import { setTimeout as delay } from 'node:timers/promises';
import type { Workload } from '../workload/workload.ts';
import type { Latencies } from './latency.ts';
import { WorkloadClient } from './workload-client.ts';

/** Runs one transaction after the other; a load has one slot per client that can be busy at the same time. */
export interface Slot {
  /** Runs one transaction. Throws its error; the slot is usable again when `ready` resolves. */
  run(): Promise<void>;
  /** Resolves when it can run the next transaction, after an error. */
  ready(signal: AbortSignal): Promise<void>;
  end(): Promise<void>;
}

/** The delay before a client retries to connect, in milliseconds. */
const reconnectMs = 100;

/** A permanent connection, as in the pool of a driver. */
export class KeptSlot implements Slot {
  readonly #url: () => string;
  readonly #workload: Workload;
  #client: WorkloadClient;

  private constructor(url: () => string, workload: Workload, client: WorkloadClient) {
    this.#url = url;
    this.#workload = workload;
    this.#client = client;
  }

  static async open(url: () => string, workload: Workload): Promise<KeptSlot> {
    const client = await WorkloadClient.connect(url(), workload);
    return new KeptSlot(url, workload, client);
  }

  run(): Promise<void> {
    return this.#client.transact();
  }

  async ready(signal: AbortSignal): Promise<void> {
    while (this.#client.isBroken && !signal.aborted) {
      try {
        this.#client = await WorkloadClient.connect(this.#url(), this.#workload);
      } catch {
        await delay(reconnectMs);
      }
    }
  }

  end(): Promise<void> {
    return this.#client.end();
  }
}

/** A new connection for each transaction, as in serverless functions. */
export class ConnectingSlot implements Slot {
  readonly #url: () => string;
  readonly #workload: Workload;
  readonly #connects: Latencies;
  #ending: Promise<void> = Promise.resolve();

  /** `connects` gets the duration of each login, including the statements that the driver itself sends. */
  constructor(url: () => string, workload: Workload, connects: Latencies) {
    this.#url = url;
    this.#workload = workload;
    this.#connects = connects;
  }

  async run(): Promise<void> {
    // A slot has at most one connection, including one that is closing.
    await this.#ending;
    const startedAt = performance.now();
    const client = await WorkloadClient.connect(this.#url(), this.#workload);
    this.#connects.record(performance.now() - startedAt);
    try {
      await client.transact();
    } finally {
      this.#ending = client.end();
    }
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  end(): Promise<void> {
    return this.#ending;
  }
}
