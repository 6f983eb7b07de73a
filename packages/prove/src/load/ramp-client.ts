import { setTimeout as delay } from 'node:timers/promises';
import type { Workload } from '../workload/workload.ts';
import type { Latencies } from './latency.ts';
import { errorCode, WorkloadClient } from './workload-client.ts';

/** Collects the measurements of the clients of a ramp, one step at a time. */
export interface RampRecorder {
  /** Undefined while nothing is measured. */
  latency: Latencies | undefined;
  failed: Record<string, number>;
}

/** A client that stays connected, and alternates between think time and a transaction. */
export class RampClient {
  readonly #client: WorkloadClient;
  readonly #workload: Workload;
  readonly #recorder: RampRecorder;
  readonly #stopped = new AbortController();
  #stretch = 1;
  #life: Promise<void> | undefined;
  #asking: Promise<void> = Promise.resolve();

  private constructor(client: WorkloadClient, workload: Workload, recorder: RampRecorder) {
    this.#client = client;
    this.#workload = workload;
    this.#recorder = recorder;
  }

  static async connect(
    url: string,
    workload: Workload,
    recorder: RampRecorder,
  ): Promise<RampClient> {
    return new RampClient(await WorkloadClient.connect(url, workload), workload, recorder);
  }

  /** Starts or continues, with think times multiplied by a factor. */
  start(stretch: number): void {
    this.#stretch = stretch;
    this.#life ??= this.#live();
  }

  /** Sends a query between two transactions. */
  async query(): Promise<void> {
    await this.#asking;
    await this.#client.query();
  }

  async end(): Promise<void> {
    this.#stopped.abort();
    // It does not wait for a transaction that hangs.
    await Promise.race([this.#life, delay(1000, undefined, { ref: false })]);
    await this.#client.end();
  }

  async #live(): Promise<void> {
    const { signal } = this.#stopped;
    // Clients do not start all at once.
    let pause = Math.random() * this.#workload.meanThinkTime * this.#stretch;
    while (!signal.aborted && !this.#client.isBroken) {
      await delay(pause, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const startedAt = performance.now();
      this.#asking = this.#transact(startedAt);
      await this.#asking;
      pause = this.#workload.thinkTime(this.#stretch);
    }
  }

  async #transact(startedAt: number): Promise<void> {
    try {
      await this.#client.transact();
      this.#recorder.latency?.record(performance.now() - startedAt);
    } catch (error) {
      const code = errorCode(error);
      this.#recorder.failed[code] = (this.#recorder.failed[code] ?? 0) + 1;
    }
  }
}
