/**
 * The minimum interval between two reads on demand, in milliseconds: wrong passwords of clients, or an outage, must not
 * become calls to AWS.
 */
const apart = 5000;

/** What a refresher needs. */
export interface RefresherOptions {
  /** Rereads and applies changes. */
  readonly refresh: () => Promise<void>;
  /** The interval between two reads, in milliseconds; queried before each. */
  readonly interval: () => number;
  readonly failed: (error: unknown) => void;
}

/** Rereads data in AWS, at intervals and on demand: rotations and new instances are not announced. */
export class Refresher {
  readonly #options: RefresherOptions;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();
  #began = -Infinity;
  #running = false;
  #stopped = false;

  constructor(options: RefresherOptions) {
    this.#options = options;
    this.#schedule();
  }

  /** Reads now, unless it was done a moment ago; resolves when the data is as current as possible. */
  soon(): Promise<void> {
    if (!this.#running && performance.now() - this.#began >= apart) this.#last = this.#run();
    return this.#last;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    this.#running = true;
    this.#began = performance.now();
    clearTimeout(this.#timer);
    try {
      await this.#options.refresh();
    } catch (error) {
      this.#options.failed(error);
    } finally {
      this.#running = false;
      this.#schedule();
    }
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#last = this.#run();
    }, this.#options.interval());
    this.#timer.unref();
  }
}
