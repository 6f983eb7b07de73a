import { has, mask } from '../distinct.ts';
import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { PinReason } from './pin-reason.ts';

/** The flags that pin, in order of precedence. */
const pinning: readonly (readonly [flag: Flag, reason: PinReason])[] = [
  [Flag.Load, PinReason.Load],
  [Flag.OtherState, PinReason.OtherState],
  [Flag.TemporaryObject, PinReason.TemporaryObject],
  [Flag.AdvisoryLock, PinReason.AdvisoryLock],
  [Flag.HoldableCursor, PinReason.HoldableCursor],
];

const anyPin = mask(...pinning.map(([flag]) => flag));

/** Flags of code that may PREPARE without showing it. */
const hidesPrepare = mask(Flag.Do, Flag.UnknownFunction);

/** The reason for which a session with these side effects is pinned, or null. */
export function pinReasonOf(effects: Effects): PinReason | null {
  // The proxy probes after code that it cannot read.
  if (has(effects.flags, Flag.Opaque)) return null;
  // The proxy tracks a PREPARE that the text shows. It does not know the names of those that a function or block runs.
  if (has(effects.flags, Flag.Prepare) && !showsPrepare(effects)) return PinReason.SqlPrepare;
  if (!has(effects.flags, anyPin)) return null;
  for (const [flag, reason] of pinning) if (has(effects.flags, flag)) return reason;
  return null;
}

function showsPrepare({ flags, details }: Effects): boolean {
  return !has(flags, hidesPrepare) && details.some(({ kind }) => kind === 'prepare');
}
