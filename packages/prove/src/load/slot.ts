import { setTimeout as delay } from 'node:timers/promises';
import type { Workload } from '../workload/workload.ts';
import type { Latencies } from './latency.ts';
import { WorkloadClient } from './workload-client.ts';

/** Something that runs one transaction after the other; a load has as many as clients that may be busy at once. */
export interface Slot {
  /** Runs one transaction. Throws what went wrong; the slot is usable again when `ready` resolves. */
  run(): Promise<void>;
  /** Resolves when it can run the next, after an error. */
  ready(signal: AbortSignal): Promise<void>;
  end(): Promise<void>;
}

/** How long a client waits before it tries again to connect, in milliseconds. */
const reconnectMs = 100;

/** A connection that is kept, as a pool of a driver keeps it. */
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

/** A new connection for each transaction, as functions have it. */
export class ConnectingSlot implements Slot {
  readonly #url: () => string;
  readonly #workload: Workload;
  readonly #connects: Latencies;
  #ending: Promise<void> = Promise.resolve();

  /** `connects` is given how long each login took, what the driver sends of its own accord included. */
  constructor(url: () => string, workload: Workload, connects: Latencies) {
    this.#url = url;
    this.#workload = workload;
    this.#connects = connects;
  }

  async run(): Promise<void> {
    // One slot has one connection at most, also while the former one says goodbye.
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
