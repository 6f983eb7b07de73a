import { clock } from '../io/clock.ts';

/**
 * The possible side effects of sessions on a server connection. A session that returns finds its own state. Any other
 * session gets the connection only after a reset, unless nothing that ran can have left state.
 */
export class Residue {
  /** The ID of the last session; 0: none since the last reset. */
  #session = 0;
  /** Unproven code has run. */
  #isUnproven = false;
  /** The known code of the database when the session's lease began: see `StoredCode.edition`. */
  #edition = 0;
  /** When its last lease ended, in clock milliseconds. */
  #endedAt = 0;

  /** The last session has run unproven code. */
  get isUnproven(): boolean {
    return this.#isUnproven;
  }

  /** An unproven statement is about to run. */
  markUnproven(): void {
    this.#isUnproven = true;
  }

  isOf(session: number): boolean {
    return this.#session === session;
  }

  /**
   * A lease of this session begins. Returns whether the connection must be reset before its first request, because
   * another session has left state, or may have. `isTrusted`: whether the code of the database known then is valid as
   * of this time.
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

  /** No state is left. */
  clear(): void {
    this.#session = 0;
    this.#isUnproven = false;
  }
}
