import { setTimeout as wait } from 'node:timers/promises';
import { healthText, type TargetHealth } from './target-health.ts';

/** What a watch is given. */
export interface WatchOptions {
  readonly read: () => Promise<readonly TargetHealth[]>;
  readonly note: (line: string) => void;
  /** Between two looks, in milliseconds. */
  readonly interval: number;
}

/**
 * Looks at target health beside a deployment and tells each change: when CloudFormation gives up on a target it rolls
 * back, and with the proxy goes the reason.
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

  /** The last health of every target that was not available when last seen. */
  unhealthy(): TargetHealth[] {
    return [...this.#last.values()].filter((health) => health.state !== 'AVAILABLE');
  }

  /**
   * Waits until every target that is seen is available, for at most this long.
   * @param patience in milliseconds
   * @returns what is still not available
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
    // Before the proxy is there and after it has gone there is nothing to read; the deployment tells about that.
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
