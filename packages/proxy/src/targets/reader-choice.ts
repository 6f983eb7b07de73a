import { LagMeter } from './lag-meter.ts';
import type { MonitoredTarget } from './monitored-target.ts';
import type { Target } from './target.ts';

/** The settings for reads. */
export interface ReaderLimits {
  /** A standby with a greater lag gets no reads, in seconds; 0 is no limit. */
  readonly lagLimit: number;
  /** The writer serves reads while no standby can. */
  readonly fallBack: boolean;
}

/** Chooses the targets that serve reads: standbys that respond, are not draining, and have a small enough lag. */
export class ReaderChoice {
  limits: ReaderLimits;
  readonly #lags = new LagMeter();
  /** When the writer last responded, in milliseconds of `performance.now()`. */
  #writerSeenAt = 0;

  constructor(limits: ReaderLimits) {
    this.limits = limits;
  }

  /** Records the position of a target. While there is no writer, the lag of standbys stays as it was. */
  learn({ target, last, reportedLag }: MonitoredTarget, writer: MonitoredTarget | null): void {
    if (last?.kind !== 'role') return;
    const { position, inRecovery } = last.role;
    if (target === writer?.target) {
      this.#writerSeenAt = performance.now();
      if (position !== null) this.#lags.mark(position, this.#writerSeenAt);
    }
    const seen = position === null ? 0 : this.#lags.lagAt(position, this.#writerSeenAt);
    target.lag = inRecovery ? Math.max(seen, reportedLag) : 0;
  }

  /** There is another writer. */
  writerChanged(): void {
    this.#lags.forget();
  }

  /** The targets that serve reads now; `failures` checks without a response make one unavailable. */
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
