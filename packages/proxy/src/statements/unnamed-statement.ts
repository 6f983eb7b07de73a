import type { Effects } from '../sql/index.ts';
import { Analysis } from './analysis.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import type { ReadUnder } from '../parameters/read-under.ts';

/** An unnamed prepared statement: the Parse message that makes it. Compared by identity. */
export class UnnamedStatement {
  /** The Parse message is `source[start, end)`; null when it was too long to keep. */
  source: Buffer | null;
  start: number;
  end: number;
  readonly effects: Effects | null;
  /** Under what its text is read. */
  readonly readUnder: ReadUnder;
  /** The Parse of which its client was told. */
  analysis = new Analysis();

  constructor(
    source: Buffer | null,
    start: number,
    end: number,
    effects: Effects | null,
    readUnder: ReadUnder,
  ) {
    this.source = source;
    this.readUnder = readUnder;
    this.start = start;
    this.end = end;
    this.effects = effects;
  }

  /** Copies the message out of the chunk it came in, so that the chunk can go. */
  keep(): void {
    const source = this.source;
    if (source === null || (this.start === 0 && this.end === source.length)) return;
    this.source = Buffer.from(source.subarray(this.start, this.end));
    this.end -= this.start;
    this.start = 0;
  }
}

/** What a session and a server connection have before any Parse of the unnamed statement. */
export const noUnnamedStatement = new UnnamedStatement(null, 0, 0, null, readUnderAny);

/** What a server connection has after a Query of the proxy's own, whatever it had before. */
export const destroyedUnnamedStatement = new UnnamedStatement(null, 0, 0, null, readUnderAny);
