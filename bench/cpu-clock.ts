import { cpuMicros } from '@sluice/prove/machine';

const intervalMs = 50;

/** Notes the CPU time of a process again and again, to tell later what it used from a certain moment on. */
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

  /** CPU time in microseconds, from so many milliseconds after this clock was made until now. */
  usedSince(ms: number): number {
    const first = this.#samples.find(({ atMs }) => atMs >= ms) ?? this.#samples.at(-1);
    return cpuMicros(this.#pid) - (first?.micros ?? 0);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
