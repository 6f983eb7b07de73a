import { setTimeout as delay } from 'node:timers/promises';
import { GeneratorWatch } from './generator-watch.ts';
import type { GeneratorHealth } from './generator-watch.ts';
import { Latencies } from './latency.ts';
import type { Slot } from './slot.ts';
import { errorCode } from './workload-client.ts';

/** A load with a fixed number of transactions per second, independent of the responses. */
export interface OpenLoopPlan {
  readonly rate: number;
  readonly seconds: number;
}

/** The result of a load. */
export interface OpenLoopResult {
  readonly rate: number;
  readonly seconds: number;
  /** The number of transactions that were due. */
  readonly asked: number;
  readonly answered: number;
  /** Not answered at the end of the load; their latency up to then is included. */
  readonly unanswered: number;
  /** By SQLSTATE, or by the message of the driver. */
  readonly failed: Readonly<Record<string, number>>;
  /** Responses per second. */
  readonly throughput: number;
  /** From the time at which a transaction was due, so that waiting for a late client is included. */
  readonly latency: Latencies;
  /** From the time at which it was sent. */
  readonly service: Latencies;
  readonly generator: GeneratorHealth;
  /** Transactions were due faster than they were answered, so the load ended early. */
  readonly isOverrun: boolean;
}

/**
 * Timers tick every millisecond, up to one millisecond late. Transactions that are due in between are sent at the tick.
 */
const tickMs = 1;
const tickToleranceMs = 2;

/** A backlog of this many seconds ends a load, because it would only grow. */
const backlogSeconds = 1.5;

/** The time to wait for pending transactions after the end, in milliseconds. */
const graceMs = 2000;

/**
 * Runs a load on slots that are ready. Latencies count from the time at which a transaction was due: no coordinated
 * omission.
 */
export async function openLoop(
  slots: readonly Slot[],
  plan: OpenLoopPlan,
  signal: AbortSignal,
): Promise<OpenLoopResult> {
  const load = new OpenLoop(slots, plan, signal);
  return load.run();
}

class OpenLoop {
  readonly #plan: OpenLoopPlan;
  readonly #signal: AbortSignal;
  readonly #free: Slot[];
  /** The due times of the transactions that wait for a slot. */
  readonly #due: number[] = [];
  readonly #latency = new Latencies();
  readonly #service = new Latencies();
  readonly #failed: Record<string, number> = {};
  /** The due times of the running transactions. */
  readonly #running = new Set<{ readonly due: number }>();
  #count = 0;
  #answered = 0;
  #isOver = false;
  #isOverrun = false;

  constructor(slots: readonly Slot[], plan: OpenLoopPlan, signal: AbortSignal) {
    this.#plan = plan;
    this.#signal = signal;
    this.#free = [...slots];
  }

  async run(): Promise<OpenLoopResult> {
    const { rate, seconds } = this.#plan;
    const watch = new GeneratorWatch();
    const startedAt = performance.now();
    await this.#arrivals(startedAt);
    const generator = watch.stop();
    const elapsed = (performance.now() - startedAt) / 1000;
    const throughput = this.#answered / elapsed;
    await this.#drain();
    this.#isOver = true;
    const now = performance.now();
    const late = [...this.#due, ...[...this.#running].map(({ due }) => due)];
    for (const due of late) this.#latency.record(now - due);
    return {
      rate,
      seconds,
      asked: this.#count,
      answered: this.#answered,
      unanswered: late.length,
      failed: this.#failed,
      throughput,
      latency: this.#latency,
      service: this.#service,
      generator,
      isOverrun: this.#isOverrun,
    };
  }

  async #arrivals(startedAt: number): Promise<void> {
    const { rate, seconds } = this.#plan;
    const total = Math.round(rate * seconds);
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const now = performance.now();
        for (; this.#count < total; this.#count++) {
          const due = startedAt + (this.#count * 1000) / rate;
          if (due > now) break;
          // A delay of more than a tick has a cause, so it is included.
          this.#due.push(now - due <= tickToleranceMs ? now : due);
        }
        this.#serve();
        this.#isOverrun = this.#due.length > rate * backlogSeconds;
        if (now - startedAt >= seconds * 1000 || this.#isOverrun || this.#signal.aborted) {
          clearInterval(timer);
          resolve();
        }
      }, tickMs);
    });
  }

  async #drain(): Promise<void> {
    const deadline = performance.now() + graceMs;
    while (this.#running.size + this.#due.length > 0 && performance.now() < deadline) {
      if (this.#signal.aborted || this.#isOverrun) return;
      await delay(2);
    }
  }

  #serve(): void {
    while (this.#due.length > 0 && !this.#isOver) {
      const slot = this.#free.shift();
      if (slot === undefined) return;
      const due = this.#due.shift();
      if (due !== undefined) void this.#transact(slot, due);
    }
  }

  async #transact(slot: Slot, due: number): Promise<void> {
    const entry = { due };
    this.#running.add(entry);
    const sentAt = performance.now();
    try {
      await slot.run();
      if (this.#isOver) return;
      const now = performance.now();
      this.#answered++;
      this.#latency.record(now - due);
      this.#service.record(now - sentAt);
    } catch (error) {
      if (this.#isOver) return;
      const code = errorCode(error);
      this.#failed[code] = (this.#failed[code] ?? 0) + 1;
      this.#running.delete(entry);
      await slot.ready(this.#signal);
    } finally {
      this.#running.delete(entry);
      this.#free.push(slot);
    }
    this.#serve();
  }
}
