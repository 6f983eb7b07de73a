import { clock } from '../io/clock.ts';

/**
 * What a session may have left on a server connection, and whose it is. A session that comes back finds what it has left;
 * any other gets the connection only after a reset, unless nothing that ran can have left anything.
 */
export class Residue {
  /** The id of the session that was served last; 0: nobody since the last reset. */
  #session = 0;
  /** Something ran whose effects are not proven. */
  #isUnproven = false;
  /** What was known of the database's code when the session's lease began: see `StoredCode.edition`. */
  #edition = 0;
  /** When its last lease ended, in clock milliseconds. */
  #endedAt = 0;

  /** The session that was served last has run something whose effects are not proven. */
  get isUnproven(): boolean {
    return this.#isUnproven;
  }

  /** A statement is about to run whose effects are not proven. */
  markUnproven(): void {
    this.#isUnproven = true;
  }

  isOf(session: number): boolean {
    return this.#session === session;
  }

  /**
   * A lease of this session begins. Returns whether the connection must be reset in front of its first request: another
   * session has left, or may have left, something. `isTrusted`: whether what was known then of the database's code is
   * believed as of this time.
   */
  begin(session: number, edition: number, isTrusted: (endedAt: number) => boolean): boolean {
    const before = this.#session;
    this.#session = session;
    if (before === session) return false;
    const resets =
      before !== 0 && (this.#isUnproven || this.#edition !== edition || !isTrusted(this.#endedAt));
    this.#isUnproven = false;
    this.#edition = edition;
    return resets;
  }

  /** The lease has ended. */
  ended(): void {
    this.#endedAt = clock.now;
  }

  /** Nothing of anybody is left. */
  clear(): void {
    this.#session = 0;
    this.#isUnproven = false;
  }
}
