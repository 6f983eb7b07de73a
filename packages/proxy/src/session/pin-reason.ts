import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';

/** Why a session keeps its loan beyond the transaction: a closed list, counted and logged by these names. */
export const PinReason = {
  SetParameter: 'set_parameter',
  SqlPrepare: 'sql_prepare',
  Listen: 'listen',
  TemporaryObject: 'temporary_object',
  AdvisoryLock: 'advisory_lock',
  HoldableCursor: 'cursor_with_hold',
  Load: 'load',
  SequenceState: 'sequence_state',
  ProcedureOrDo: 'procedure_or_do',
  OtherState: 'other_state',
  LongStatement: 'long_statement',
  Opaque: 'opaque_statement',
} as const;

export type PinReason = (typeof PinReason)[keyof typeof PinReason];

/** The flags that pin, the weightiest first. */
const pinning: readonly (readonly [flag: number, reason: PinReason])[] = [
  [Flag.Opaque, PinReason.Opaque],
  [Flag.Load, PinReason.Load],
  [Flag.SetsParameter | Flag.ChangesRole | Flag.Discard, PinReason.SetParameter],
  [Flag.Prepare | Flag.Execute | Flag.Deallocate, PinReason.SqlPrepare],
  [Flag.Listen, PinReason.Listen],
  [Flag.TemporaryObject, PinReason.TemporaryObject],
  [Flag.AdvisoryLock, PinReason.AdvisoryLock],
  [Flag.HoldableCursor, PinReason.HoldableCursor],
  [Flag.SetsSequence | Flag.ReadsSequence, PinReason.SequenceState],
  [Flag.Procedure | Flag.Do, PinReason.ProcedureOrDo],
  [Flag.OtherState, PinReason.OtherState],
];

const anyPin = pinning.reduce((all, [flag]) => all | flag, 0);

/** Why a session that runs this must keep its connection, or null when nothing it does stays behind. */
export function pinReasonOf(effects: Effects): PinReason | null {
  if ((effects.flags & anyPin) === 0) return null;
  // PostgreSQL of the same version refuses what its own parser refuses; nothing of it runs.
  for (const [flag, reason] of pinning) if ((effects.flags & flag) !== 0) return reason;
  return null;
}
