/** Between two attempts to connect while none succeeds, in milliseconds. */
const probeMs = 10;

/** An attempt that took this long did not fail by refusal: the address is silent. */
const silentMs = 500;

/**
 * Paces the attempts of many connections to come back. As long as nothing answers, one attempt starts after the other; the
 * first that succeeds lets all others go at once. So an outage is seen to end within some milliseconds, without a storm.
 */
export class ConnectGate {
  readonly #connections: number;
  readonly #waiting = new Set<() => void>();
  #isDown = false;
  #nextAt = 0;
  #spacing = probeMs;

  /** `connections` may try at the same time. */
  constructor(connections: number) {
    this.#connections = connections;
  }

  /** Resolves when it is one's turn to try. */
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
    // Attempts that wait for their time limit are spread over it, so that one always is about to start.
    this.#spacing = tookMs < silentMs ? probeMs : Math.max(probeMs, tookMs / this.#connections);
  }

  succeeded(): void {
    this.#isDown = false;
    this.#nextAt = 0;
    for (const go of this.#waiting) go();
  }
}
