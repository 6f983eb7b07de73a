import { performance } from 'node:perf_hooks';
import type { EventLoopUtilization } from 'node:perf_hooks';
import { Latencies } from './latency.ts';

/** How the load generator itself fared while it measured. */
export interface GeneratorHealth {
  /** Share of the time in which its event loop was busy, 0 to 1. */
  readonly busy: number;
  /** Cores that its process used, of all its threads: 1 is one core. */
  readonly cpu: number;
  /** How late its event loop was, in milliseconds. */
  readonly lagP50: number;
  readonly lagP99: number;
  readonly lagMax: number;
}

/** Above this the generator has no room left: what is measured is partly its own queue. */
export const busyLimit = 0.85;

/** Above this share of a latency, the generator's own lateness is no small part of it. */
const lagShareLimit = 0.5;

const sampleMs = 5;

/** Watches this process while it makes load. */
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
      // A timer may be early by what it is rounded to.
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

/** Why the generator, and not what it measures, was the limit of a measurement; null when it was not. */
export function generatorLimit(health: GeneratorHealth, p99: number | undefined): string | null {
  if (health.busy > busyLimit) {
    return `the load generator was busy ${Math.round(health.busy * 100)} % of the time`;
  }
  if (p99 !== undefined && health.lagP99 > lagShareLimit * p99 && health.lagP99 > 1.5) {
    return `the load generator was late by ${health.lagP99.toFixed(1)} ms at p99, which is much of the p99 of ${p99.toFixed(1)} ms`;
  }
  return null;
}
