import { BackendCode as Code, messageEnd } from '@sluice/wire';

/** Messages that come before a statement has done anything that could last. */
const beforeTheEnd: ReadonlySet<number> = new Set([
  Code.ParseComplete,
  Code.BindComplete,
  Code.CloseComplete,
  Code.ParameterDescription,
  Code.RowDescription,
  Code.NoData,
  Code.NoticeResponse,
  Code.ParameterStatus,
]);

/**
 * True when none of the whole messages in `chunk[from, to)` tells of a row or of an end. CommandComplete in front of an
 * error means that the statement may have been committed: PostgreSQL can be told to go between the two.
 */
export function isUnfinished(chunk: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at = messageEnd(chunk, at))
    if (!beforeTheEnd.has(chunk[at] ?? 0)) return false;
  return true;
}
