import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';

/** Why a session keeps its loan beyond the transaction: a closed list, counted and logged by these names. */
export const PinReason = {
  /** Parameters could not be read back. */
  Parameters: 'parameters_unreadable',
  SqlPrepare: 'sql_prepare',
  Listen: 'listen',
  TemporaryObject: 'temporary_object',
  AdvisoryLock: 'advisory_lock',
  HoldableCursor: 'cursor_with_hold',
  Load: 'load',
  SequenceState: 'sequence_state',
  OtherState: 'other_state',
  LongStatement: 'long_statement',
  Opaque: 'opaque_statement',
} as const;

export type PinReason = (typeof PinReason)[keyof typeof PinReason];

/** What DISCARD ALL undoes, so that the connection can be lent again after the session. */
export const resettable: ReadonlySet<PinReason> = new Set([
  PinReason.Parameters,
  PinReason.SqlPrepare,
  PinReason.Listen,
  PinReason.TemporaryObject,
  PinReason.AdvisoryLock,
  PinReason.HoldableCursor,
  PinReason.SequenceState,
]);

/** The flags that pin, the weightiest first. */
const pinning: readonly (readonly [flag: number, reason: PinReason])[] = [
  [Flag.Load, PinReason.Load],
  [Flag.Listen, PinReason.Listen],
  [Flag.TemporaryObject, PinReason.TemporaryObject],
  [Flag.AdvisoryLock, PinReason.AdvisoryLock],
  [Flag.HoldableCursor, PinReason.HoldableCursor],
  [Flag.SetsSequence | Flag.ReadsSequence, PinReason.SequenceState],
  [Flag.OtherState, PinReason.OtherState],
];

const anyPin = pinning.reduce((all, [flag]) => all | flag, 0);

/** Why a session that runs this must keep its connection, or null when nothing it does stays behind. */
export function pinReasonOf(effects: Effects): PinReason | null {
  // What PostgreSQL's own parser refuses, a server refuses too, or a look afterwards finds what it did.
  if ((effects.flags & Flag.Opaque) !== 0)
    return effects.reason === 'syntax' ? null : PinReason.Opaque;
  // What a text PREPAREs in plain sight is carried; what a function or block does is not known by name.
  if ((effects.flags & Flag.Prepare) !== 0 && !showsPrepare(effects)) return PinReason.SqlPrepare;
  if ((effects.flags & anyPin) === 0) return null;
  for (const [flag, reason] of pinning) if ((effects.flags & flag) !== 0) return reason;
  return null;
}

function showsPrepare({ flags, details }: Effects): boolean {
  return (
    (flags & (Flag.Do | Flag.UnknownFunction)) === 0 &&
    details.some(({ kind }) => kind === 'prepare')
  );
}
