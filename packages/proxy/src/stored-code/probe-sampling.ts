import { has, mask } from '../distinct.ts';
import { Flag, sharedEffects } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';

/** The record of a statement that runs code which its text does not show. */
interface Record {
  runs: number;
  /** How many probes have followed one. */
  probes: number;
  /** It has had side effects. */
  leaves: boolean;
}

/** The number of probes that always follow, before sampling begins. */
const firstProbes = 3;
/** Of the later runs, one in this many is probed. */
const sample = 100;

/** Flags of statements whose text does not show all side effects. */
const hidden = mask(Flag.UnknownFunction, Flag.Procedure, Flag.Do, Flag.Opaque, Flag.Writes);

/** A normalized statement after which the session is to be probed. */
export interface Suspect {
  readonly effects: Effects;
  readonly statement: string;
  /** It may have set parameters with unknown names. */
  readonly mayHaveSet: boolean;
}

const records = new WeakMap<Effects, Record>();

/**
 * Whether to probe the session after this statement, which runs code with unknown effects. The first runs of each
 * statement are probed, then a sample; a statement with side effects is probed each time. This decides how soon a
 * session's hidden state is tracked, never whether another session sees it.
 */
export function deservesProbe(effects: Effects): boolean {
  if (!has(effects.flags, hidden)) return false;
  let record = records.get(sharedEffects(effects));
  if (record === undefined) {
    record = { runs: 0, probes: 0, leaves: false };
    records.set(sharedEffects(effects), record);
  }
  record.runs++;
  return record.leaves || record.probes < firstProbes || record.runs % sample === 0;
}

/** A probe has followed this statement. A session that keeps its connection, or ends, may never be probed. */
export function wasProbed(effects: Effects): void {
  const record = records.get(sharedEffects(effects));
  if (record !== undefined) record.probes++;
}

export function isKnownToLeave(effects: Effects): boolean {
  return records.get(sharedEffects(effects))?.leaves === true;
}

/** A probe after this statement found something that its text does not show. True the first time. */
export function leavesSomething(effects: Effects): boolean {
  let record = records.get(sharedEffects(effects));
  if (record?.leaves === true) return false;
  if (record === undefined) {
    record = { runs: 0, probes: 0, leaves: false };
    records.set(sharedEffects(effects), record);
  }
  record.leaves = true;
  return true;
}
