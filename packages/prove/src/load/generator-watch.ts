import { performance } from 'node:perf_hooks';
import type { EventLoopUtilization } from 'node:perf_hooks';
import { Latencies } from './latency.ts';

/** The state of the load generator itself during a measurement. */
export interface GeneratorHealth {
  /** The share of the time in which its event loop was busy, from 0 to 1. */
  readonly busy: number;
  /** The number of cores that its process used, over all threads. */
  readonly cpu: number;
  /** The delay of its event loop, in milliseconds. */
  readonly lagP50: number;
  readonly lagP99: number;
  readonly lagMax: number;
}

/** Above this, the generator is saturated, and the measurement includes its own queue. */
export const busyLimit = 0.85;

/** Above this share of a latency, the delay of the generator itself is a significant part of it. */
const lagShareLimit = 0.5;

const sampleMs = 5;

/** Observes this process while it generates load. */
export class GeneratorWatch {
  readonly #lags = new Latencies();
  readonly #loop: EventLoopUtilization = performance.eventLoopUtilization();
  readonly #cpu = process.cpuUsage();
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor() {
    let due = performance.now() + sampleMs;
    this.#timer = setInterval(() => {
      const now = performance.now();
      // A timer may fire early because of rounding.
      this.#lags.record(Math.max(0, now - due));
      due = now + sampleMs;
    }, sampleMs);
    this.#timer.unref();
  }

  /** Ends the watch. */
  stop(): GeneratorHealth {
    clearInterval(this.#timer);
    const { user, system } = process.cpuUsage(this.#cpu);
    const lags = this.#lags.summary();
    return {
      busy: performance.eventLoopUtilization(this.#loop).utilization,
      cpu: (user + system) / 1000 / (performance.now() - this.#startedAt),
      lagP50: lags?.p50 ?? 0,
      lagP99: lags?.p99 ?? 0,
      lagMax: lags?.max ?? 0,
    };
  }
}

/** Why the generator, rather than what it measures, was the limit of a measurement; null if it was not. */
export function generatorLimit(health: GeneratorHealth, p99: number | undefined): string | null {
  if (health.busy > busyLimit) {
    return `the load generator was busy ${Math.round(health.busy * 100)} % of the time`;
  }
  if (p99 !== undefined && health.lagP99 > lagShareLimit * p99 && health.lagP99 > 1.5) {
    return `the load generator was late by ${health.lagP99.toFixed(1)} ms at p99, which is much of the p99 of ${p99.toFixed(1)} ms`;
  }
  return null;
}
