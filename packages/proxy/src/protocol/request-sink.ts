import type { PendingReplies } from './pending-replies.ts';

/** Takes the bytes of requests, and writes them with those that precede and follow them. */
export interface RequestOutput {
  add(bytes: Buffer): void;
  /** Adds `chunk[start, end)` without a copy. */
  addRange(chunk: Buffer, start: number, end: number): void;
}

/** A server connection, as seen by code that adds requests: each has its pending reply and its bytes. */
export interface RequestSink {
  readonly pending: Pick<PendingReplies, 'append' | 'skipping' | 'length' | 'hasOpenReplies'>;
  readonly output: RequestOutput;
}
