import { setTimeout as wait } from 'node:timers/promises';
import { healthText, type TargetHealth } from './target-health.ts';

/** The options of a HealthWatch. */
export interface WatchOptions {
  readonly read: () => Promise<readonly TargetHealth[]>;
  readonly note: (line: string) => void;
  /** The time between two reads, in milliseconds. */
  readonly interval: number;
}

/**
 * Reads the health of the targets during a deployment and reports each change. When CloudFormation gives up on a
 * target, it rolls back, and the reason disappears together with the proxy.
 */
export class HealthWatch {
  readonly #options: WatchOptions;
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;
  readonly #last = new Map<string, TargetHealth>();

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** The last health of every target that was not available when it was last read. */
  unhealthy(): TargetHealth[] {
    return [...this.#last.values()].filter((health) => health.state !== 'AVAILABLE');
  }

  /**
   * Waits until every known target is available, up to a limit.
   * @param patience the limit in milliseconds
   * @returns the targets that are still not available
   */
  async settled(patience: number): Promise<TargetHealth[]> {
    const until = Date.now() + patience;
    await this.#look();
    while (this.unhealthy().length > 0 && Date.now() < until) {
      await wait(Math.min(this.#options.interval, 1000));
      await this.#look();
    }
    return this.unhealthy();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#look();
      await wait(this.#options.interval, undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    // Before the proxy exists and after it has been removed there is nothing to read; the deployment reports that
    // itself.
    const seen = await this.#options.read().catch(() => []);
    for (const health of seen) {
      const before = this.#last.get(health.target);
      this.#last.set(health.target, health);
      if (before?.state !== health.state || before.reason !== health.reason) {
        this.#options.note(healthText(health));
      }
    }
  }
}
