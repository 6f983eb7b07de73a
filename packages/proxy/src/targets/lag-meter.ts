/** The WAL position of the writer at one time. */
interface Mark {
  /** In milliseconds of `performance.now()`. */
  readonly at: number;
  /** The WAL position in bytes. */
  readonly position: number;
}

/** Older marks are not needed: longer lags are not distinguished. In milliseconds. */
const longestMemory = 600_000;

/** The minimum interval between marks, in milliseconds. */
const shortestStep = 100;

/**
 * Computes the replication lag of standbys, in time, from the recorded WAL positions of the writer. A standby's clock
 * and its last replayed commit show nothing while the writer is idle, and nothing at all after it has lost its
 * connection to the writer.
 */
export class LagMeter {
  #marks: Mark[] = [];

  /** Records the current position of the writer. */
  mark(position: number, at: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && (at - last.at < shortestStep || position === last.position)) return;
    this.#marks.push({ at, position });
    if (at - (this.#marks[0]?.at ?? at) > 2 * longestMemory)
      this.#marks = this.#marks.filter((mark) => at - mark.at <= longestMemory);
  }

  /** The number of seconds since the writer passed `position`; 0 if it has not, as far as known. */
  lagAt(position: number, at: number): number {
    let behindSince: number | null = null;
    for (let i = this.#marks.length - 1; i >= 0; i--) {
      const mark = this.#marks[i];
      if (mark === undefined || mark.position <= position) break;
      behindSince = mark.at;
    }
    return behindSince === null ? 0 : (at - behindSince) / 1000;
  }

  /** There is another writer, with other WAL positions. */
  forget(): void {
    this.#marks = [];
  }
}
