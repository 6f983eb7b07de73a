import { FrontendCode } from './codes.ts';
import { bodyAt, endAfter, headerLength, lengthAt } from './frame.ts';
import { NamedKind } from './requests.ts';

/** A cycle that runs one prepared statement: see `readBoundCycle`. Offsets into the received buffer. */
export interface BoundCycle {
  /** The name of the statement, without its terminating zero. */
  readonly nameStart: number;
  readonly nameEnd: number;
  /** The end of the Bind; formats and values begin after the zero of the name. */
  readonly bindEnd: number;
  /** The portal is described. */
  readonly isDescribed: boolean;
  /** The end of the Sync. */
  readonly end: number;
}

/** The lengths of Describe and Execute of the unnamed portal, and of Sync. */
const describeLength = 6;
const executeLength = 9;
const syncLength = 4;

/**
 * The cycle that begins with the Bind at `at`, if it runs a statement completely and does nothing else: Bind of the
 * unnamed portal, Describe of it or none, Execute without a row limit, Sync. Null for all other cycles, and if it is
 * not complete.
 *
 * Bind (F): Byte1('B') Int32 length, String portal, String statement, … Describe (F): Byte1('D') Int32 length,
 * Byte1('P' portal), String name. Execute (F): Byte1('E') Int32 length, String portal, Int32 rows (0: no limit). Sync
 * (F): Byte1('S') Int32 length.
 */
export function readBoundCycle(buffer: Buffer, at: number, end: number): BoundCycle | null {
  const portal = bodyAt(at);
  const bindEnd = endAfter(at, lengthAt(buffer, at));
  if (bindEnd + headerLength > end || buffer[at] !== FrontendCode.Bind || buffer[portal] !== 0)
    return null;
  const nameEnd = buffer.indexOf(0, portal + 1);
  if (nameEnd < 0 || nameEnd >= bindEnd) return null;
  let next = bindEnd;
  const isDescribed = buffer[next] === FrontendCode.Describe;
  if (isDescribed) {
    const body = bodyAt(next);
    if (body + 2 + headerLength > end || lengthAt(buffer, next) !== describeLength) return null;
    if (buffer[body] !== NamedKind.Portal || buffer[body + 1] !== 0) return null;
    next = body + 2;
  }
  const body = bodyAt(next);
  const sync = body + 5;
  if (sync + headerLength > end) return null;
  if (buffer[next] !== FrontendCode.Execute || lengthAt(buffer, next) !== executeLength)
    return null;
  if (buffer[body] !== 0 || buffer.readInt32BE(body + 1) !== 0) return null;
  if (buffer[sync] !== FrontendCode.Sync || lengthAt(buffer, sync) !== syncLength) return null;
  return { nameStart: portal + 1, nameEnd, bindEnd, isDescribed, end: sync + headerLength };
}

/** A cycle that parses and runs the unnamed statement: see `readParsedCycle`. */
export interface ParsedCycle {
  /** The text, without its terminating zero. */
  readonly textStart: number;
  readonly textEnd: number;
  /** The portal is described. */
  readonly isDescribed: boolean;
  /** The end of the Sync. */
  readonly end: number;
}

/**
 * The cycle that begins with the Parse at `at`, if it parses the unnamed statement and then runs it as `readBoundCycle`
 * has it. Null for all other cycles, and if it is not complete.
 *
 * Parse (F): Byte1('P') Int32 length, String name, String query, Int16 n, Int32[n] types.
 */
export function readParsedCycle(buffer: Buffer, at: number, end: number): ParsedCycle | null {
  const name = bodyAt(at);
  const parseEnd = endAfter(at, lengthAt(buffer, at));
  if (parseEnd + headerLength > end || buffer[at] !== FrontendCode.Parse || buffer[name] !== 0)
    return null;
  const textEnd = buffer.indexOf(0, name + 1);
  if (textEnd < 0 || textEnd >= parseEnd) return null;
  const bound = readBoundCycle(buffer, parseEnd, end);
  if (bound === null || bound.nameEnd !== bound.nameStart) return null;
  return { textStart: name + 1, textEnd, isDescribed: bound.isDescribed, end: bound.end };
}
