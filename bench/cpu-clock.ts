import { cpuMicros } from '@sluice/prove/machine';

const intervalMs = 50;

/** Samples the CPU time of a process, so that its use since any moment can be read later. */
export class CpuClock {
  readonly #pid: number;
  readonly #startedAt = performance.now();
  readonly #samples: { readonly atMs: number; readonly micros: number }[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.#pid = pid;
    this.#note();
    this.#timer = setInterval(() => this.#note(), intervalMs);
  }

  #note(): void {
    this.#samples.push({ atMs: performance.now() - this.#startedAt, micros: cpuMicros(this.#pid) });
  }

  /** CPU time in microseconds, from this number of milliseconds after the clock was created until now. */
  usedSince(ms: number): number {
    const first = this.#samples.find(({ atMs }) => atMs >= ms) ?? this.#samples.at(-1);
    return cpuMicros(this.#pid) - (first?.micros ?? 0);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
