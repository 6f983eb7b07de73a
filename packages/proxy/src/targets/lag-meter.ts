/** Where the writer was at a moment. */
interface Mark {
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
  /** Bytes of WAL since ever. */
  readonly position: number;
}

/** Older marks are of no use: nobody asks whether a standby is behind by more. In milliseconds. */
const longestMemory = 600_000;

/** A mark is kept at most this often, in milliseconds: no check is needed more exactly. */
const shortestStep = 100;

/**
 * Tells how far standbys are behind, in time, from where the writer was when. A standby's own clock and its last replayed
 * commit say nothing while the writer is idle, and nothing at all when it has lost its connection to the writer.
 */
export class LagMeter {
  #marks: Mark[] = [];

  /** Takes note of where the writer is now. */
  mark(position: number, at: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && (at - last.at < shortestStep || position === last.position)) return;
    this.#marks.push({ at, position });
    if (at - (this.#marks[0]?.at ?? at) > 2 * longestMemory)
      this.#marks = this.#marks.filter((mark) => at - mark.at <= longestMemory);
  }

  /** Seconds since the writer went past `position`; 0 when it has not, as far as is known. */
  lagAt(position: number, at: number): number {
    let behindSince: number | null = null;
    for (let i = this.#marks.length - 1; i >= 0; i--) {
      const mark = this.#marks[i];
      if (mark === undefined || mark.position <= position) break;
      behindSince = mark.at;
    }
    return behindSince === null ? 0 : (at - behindSince) / 1000;
  }

  /** Another writer: its WAL is another story. */
  forget(): void {
    this.#marks = [];
  }
}
