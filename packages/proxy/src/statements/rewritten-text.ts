import { BackendCode, buildMessage, readErrorMessage, withPosition } from '@sluice/wire';
import type { ReplyNote } from '../protocol/pending-replies.ts';

/** The client gets nothing. */
const nothing = Buffer.alloc(0);

/** An insertion into a text. */
export interface Insertion {
  /** In characters of the client's text. */
  readonly at: number;
  readonly text: string;
  /** The number of statements in it. */
  readonly statements: number;
  /** The index of the client's statement that it follows. */
  readonly position: number;
}

/**
 * The answer to a text with inserted statements. The replies to those are discarded, and error positions are converted
 * to positions in the client's text.
 */
export class RewrittenText implements ReplyNote {
  readonly #insertions: readonly Insertion[];
  readonly #inner: ReplyNote | null;
  /** For each statement, whether it is the client's. */
  readonly #isClients: readonly boolean[];
  /** The command tag for the last statement, if the client sent another one. */
  readonly #tag: string | null;
  #done = 0;

  /** `statements`: the number of statements in the client's text. `inner` is notified as without the insertions. */
  constructor(
    insertions: readonly Insertion[],
    statements: number,
    inner: ReplyNote | null,
    tag: string | null,
  ) {
    this.#insertions = insertions;
    this.#inner = inner;
    this.#tag = tag;
    const isClients: boolean[] = [];
    for (let position = 0; position < statements; position++) {
      isClients.push(true);
      for (const insertion of insertions)
        if (insertion.position === position)
          for (let count = 0; count < insertion.statements; count++) isClients.push(false);
    }
    this.#isClients = isClients;
  }

  get passes(): boolean {
    return this.#isClients[this.#done] !== false;
  }

  counted(): Buffer | null {
    const isClients = this.passes;
    this.#done++;
    if (this.#tag !== null) {
      if (this.#done < this.#isClients.length) return nothing;
      return buildMessage(BackendCode.CommandComplete, Buffer.from(`${this.#tag}\0`));
    }
    if (!isClients) return nothing;
    this.#inner?.counted?.();
    return null;
  }

  completed(): void {
    this.#inner?.completed?.();
  }

  undo(skipped: boolean): void {
    this.#inner?.undo(skipped);
  }

  failed(chunk: Buffer, at: number, next: number): Buffer | null {
    return this.#inner?.failed?.(chunk, at, next) ?? this.noticed(chunk, at, next);
  }

  noticed(chunk: Buffer, at: number, next: number): Buffer | null {
    const position = Number(readErrorMessage(chunk, at, next).position ?? 0);
    if (position === 0) return null;
    const moved = this.#original(position);
    return moved === position ? null : withPosition(chunk.subarray(at, next), moved);
  }

  /** Positions begin at 1. A position within an insertion becomes that of the insertion. */
  #original(position: number): number {
    let moved = position;
    for (const { at, text } of this.#insertions) {
      if (moved - 1 < at) break;
      moved -= Math.min(text.length, moved - 1 - at);
    }
    return moved;
  }
}
