/** The interval between two attempts to connect while none succeeds, in milliseconds. */
const probeMs = 10;

/** An attempt that took this long was not refused: the address does not respond. */
const silentMs = 500;

/**
 * Paces the reconnects of many connections. During an outage, attempts start one after the other; the first success
 * releases all others at once. So the end of the outage is noticed within milliseconds, without a connection storm.
 */
export class ConnectGate {
  readonly #connections: number;
  readonly #waiting = new Set<() => void>();
  #isDown = false;
  #nextAt = 0;
  #spacing = probeMs;

  /** `connections`: the maximum number of concurrent attempts. */
  constructor(connections: number) {
    this.#connections = connections;
  }

  /** Resolves when the caller can try. */
  async turn(): Promise<void> {
    if (!this.#isDown) return;
    const at = Math.max(performance.now(), this.#nextAt);
    this.#nextAt = at + this.#spacing;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, Math.max(0, at - performance.now()));
      this.#waiting.add(go);
    });
  }

  failed(tookMs: number): void {
    this.#isDown = true;
    // Attempts that run into their timeout are spread over it, so that another one always starts soon.
    this.#spacing = tookMs < silentMs ? probeMs : Math.max(probeMs, tookMs / this.#connections);
  }

  succeeded(): void {
    this.#isDown = false;
    this.#nextAt = 0;
    for (const go of this.#waiting) go();
  }
}
