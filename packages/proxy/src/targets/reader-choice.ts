import { LagMeter } from './lag-meter.ts';
import type { MonitoredTarget } from './monitored-target.ts';
import type { Target } from './target.ts';

/** What settings say of reads. */
export interface ReaderLimits {
  /** A standby that is further behind gets no reads, in seconds; 0 is no limit. */
  readonly lagLimit: number;
  /** Reads go to the writer while no standby can take them. */
  readonly fallBack: boolean;
}

/** Which of the targets take reads: standbys that answer, are not drained, and follow the writer closely enough. */
export class ReaderChoice {
  limits: ReaderLimits;
  readonly #lags = new LagMeter();
  /** When the writer last answered, in milliseconds of `performance.now()`. */
  #writerSeenAt = 0;

  constructor(limits: ReaderLimits) {
    this.limits = limits;
  }

  /** Takes note of where a target is. While there is no writer, standbys are as far behind as when it was last heard of. */
  learn({ target, last, toldLag }: MonitoredTarget, writer: MonitoredTarget | null): void {
    if (last?.kind !== 'role') return;
    const { position, inRecovery } = last.role;
    if (target === writer?.target) {
      this.#writerSeenAt = performance.now();
      if (position !== null) this.#lags.mark(position, this.#writerSeenAt);
    }
    const seen = position === null ? 0 : this.#lags.lagAt(position, this.#writerSeenAt);
    target.lag = inRecovery ? Math.max(seen, toldLag) : 0;
  }

  /** There is another writer. */
  writerChanged(): void {
    this.#lags.forget();
  }

  /** The targets that take reads now; `failures` checks without an answer make one unfit. */
  best(
    monitoredTargets: readonly MonitoredTarget[],
    writer: MonitoredTarget | null,
    failures: number,
  ): readonly Target[] {
    const fit = monitoredTargets
      .filter((monitored) => monitored !== writer && this.#isFit(monitored, failures))
      .map(({ target }) => target);
    return fit.length === 0 && this.limits.fallBack && writer !== null ? [writer.target] : fit;
  }

  #isFit({ last, target, listed, silent }: MonitoredTarget, failures: number): boolean {
    const { lagLimit } = this.limits;
    if (!listed || target.drained || target.role?.inRecovery !== true) return false;
    const answers = last?.kind === 'role' || (last?.kind === 'silent' && silent < failures);
    return answers && (lagLimit === 0 || target.lag <= lagLimit);
  }
}
