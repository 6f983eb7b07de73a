import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';

/** What is known of a statement that runs code which its text does not show. */
interface Record {
  runs: number;
  /** It was seen to leave something behind. */
  leaves: boolean;
}

/** Runs that are always probed, before sampling begins. */
const firstRuns = 3;
/** Of the later runs, one in so many. */
const sample = 100;

/** Flags of statements whose text does not show all they do. */
const hidden = Flag.UnknownFunction | Flag.Procedure | Flag.Do | Flag.Opaque | Flag.Writes;

/** A statement after which the session is to be probed, with its literals replaced. */
export interface Suspect {
  readonly effects: Effects;
  readonly statement: string;
  /** It may have set parameters that nothing names. */
  readonly mayHaveSet: boolean;
}

const records = new WeakMap<Effects, Record>();

/**
 * Whether the session is to be probed for state of its own after this statement, which runs code that is not understood. The
 * first runs of each are probed, then a sample; one that was seen to leave something is probed each time. This decides how
 * soon a session's own hidden state is carried, never whether another session gets it.
 */
export function deservesProbe(effects: Effects): boolean {
  if ((effects.flags & hidden) === 0) return false;
  let record = records.get(effects);
  if (record === undefined) {
    record = { runs: 0, leaves: false };
    records.set(effects, record);
  }
  record.runs++;
  return record.leaves || record.runs <= firstRuns || record.runs % sample === 0;
}

export function isKnownToLeave(effects: Effects): boolean {
  return records.get(effects)?.leaves === true;
}

/** A probe after this statement found something that its text did not announce. True the first time. */
export function leavesSomething(effects: Effects): boolean {
  let record = records.get(effects);
  if (record?.leaves === true) return false;
  if (record === undefined) {
    record = { runs: 0, leaves: false };
    records.set(effects, record);
  }
  record.leaves = true;
  return true;
}
