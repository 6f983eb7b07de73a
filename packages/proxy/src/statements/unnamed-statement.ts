import type { Effects } from '../sql/index.ts';
import { Analysis } from './analysis.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import type { ReadUnder } from '../parameters/read-under.ts';

/** An unnamed prepared statement, with the Parse message that creates it. Compared by identity. */
export class UnnamedStatement {
  /** The Parse message is `source[start, end)`; null when it was too long to keep. */
  source: Buffer | null;
  start: number;
  end: number;
  readonly effects: Effects | null;
  /** The parameters for parsing its text. */
  readonly readUnder: ReadUnder;
  /** The Parse that was described to its client. */
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

  /** Copies the message out of its chunk, so that the chunk can be freed. */
  keep(): void {
    const source = this.source;
    if (source === null || (this.start === 0 && this.end === source.length)) return;
    this.source = Buffer.from(source.subarray(this.start, this.end));
    this.end -= this.start;
    this.start = 0;
  }
}

/** The unnamed statement of a session or server connection before any Parse. */
export const noUnnamedStatement = new UnnamedStatement(null, 0, 0, null, readUnderAny);

/** The unnamed statement of a server connection after an internal Query. */
export const destroyedUnnamedStatement = new UnnamedStatement(null, 0, 0, null, readUnderAny);
