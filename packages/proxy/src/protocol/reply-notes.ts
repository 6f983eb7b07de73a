import type { ReplyNote } from './pending-replies.ts';

/** A response of the proxy, and what to undo if its turn never comes. */
export class LocalReply implements ReplyNote {
  readonly bytes: Buffer;
  readonly #change: ReplyNote | null;

  constructor(bytes: Buffer, change: ReplyNote | null) {
    this.bytes = bytes;
    this.#change = change;
  }

  undo(skipped: boolean): void {
    this.#change?.undo(skipped);
  }
}

/** Two changes by one request, undone newest first. */
export class NoteChain implements ReplyNote {
  readonly #first: ReplyNote;
  readonly #second: ReplyNote;

  constructor(first: ReplyNote, second: ReplyNote) {
    this.#first = first;
    this.#second = second;
  }

  undo(skipped: boolean): void {
    this.#second.undo(skipped);
    this.#first.undo(skipped);
  }

  completed(): void {
    this.#first.completed?.();
    this.#second.completed?.();
  }

  counted(): null {
    this.#first.counted?.();
    this.#second.counted?.();
    return null;
  }

  described(code: number, chunk: Buffer, start: number, end: number): Buffer | null {
    const first = this.#first.described?.(code, chunk, start, end) ?? null;
    return this.#second.described?.(code, chunk, start, end) ?? first;
  }

  failed(chunk: Buffer, at: number, next: number): Buffer | null {
    const first = this.#first.failed?.(chunk, at, next) ?? null;
    return this.#second.failed?.(chunk, at, next) ?? first;
  }
}
