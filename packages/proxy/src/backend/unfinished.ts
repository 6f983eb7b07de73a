import { BackendCode as Code, messageEnd } from '@sluice/wire';

/** Messages that precede any durable effect of a statement. */
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
 * True if none of the complete messages in `chunk[from, to)` reports a row or an end. A CommandComplete before an error
 * means that the statement may have committed: PostgreSQL can be shut down between the two.
 */
export function isUnfinished(chunk: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at = messageEnd(chunk, at))
    if (!beforeTheEnd.has(chunk[at] ?? 0)) return false;
  return true;
}
