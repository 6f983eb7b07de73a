import { BackendCode, buildMessage, readErrorMessage, withPosition } from '@sluice/wire';
import type { ReplyNote } from '../protocol/pending-replies.ts';

/** Nothing goes to the client. */
const nothing = Buffer.alloc(0);

/** What was put into a text, and where. */
export interface Insertion {
  /** In characters of the text as the client sent it. */
  readonly at: number;
  readonly text: string;
  /** The statements in it. */
  readonly statements: number;
  /** The statement of the client's behind which it stands, counted from 0. */
  readonly position: number;
}

/**
 * The answer to a text into which the proxy has put statements of its own. What answers those is dropped, and where an error
 * tells a place in the text it is the place in the client's own.
 */
export class RewrittenText implements ReplyNote {
  readonly #insertions: readonly Insertion[];
  readonly #inner: ReplyNote | null;
  /** For each statement, whether it is the client's. */
  readonly #isClients: readonly boolean[];
  /** The tag that the last statement is answered with, if the client sent another than that. */
  readonly #tag: string | null;
  #done = 0;

  /** `statements`: how many the client's text has. `inner` is told as if nothing had been put in. */
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

  /** Places are counted from 1. Within what was put in, it is the place where that was put. */
  #original(position: number): number {
    let moved = position;
    for (const { at, text } of this.#insertions) {
      if (moved - 1 < at) break;
      moved -= Math.min(text.length, moved - 1 - at);
    }
    return moved;
  }
}
