import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';

/** What is known of a statement that runs code which its text does not show. */
interface Record {
  /** When it was first met, in milliseconds of `performance.now()`. */
  readonly since: number;
  runs: number;
  /** It was seen to leave something behind. */
  leaves: boolean;
}

/** Runs that are always looked at, before sampling begins. */
const firstRuns = 3;
/** Of the later runs, one in so many. */
const sample = 100;

/** Flags of statements whose text does not show all they do. */
const hidden = Flag.UnknownFunction | Flag.Procedure | Flag.Do | Flag.Opaque;

/** A statement after which the session is to be looked at, with its literals replaced. */
export interface Suspect {
  readonly effects: Effects;
  readonly statement: string;
  /** It may have set parameters that nothing names. */
  readonly mayHaveSet: boolean;
}

const records = new WeakMap<Effects, Record>();

/**
 * Whether the session is to be looked at after this statement: functions, procedures and DO blocks may set
 * parameters, take locks or make temporary objects without a word in the statement. The first runs of each are
 * looked at, then a sample; one that was seen to leave something is looked at each time.
 */
export function deservesLook(effects: Effects): boolean {
  if ((effects.flags & hidden) === 0) return false;
  const record = recordOf(effects);
  record.runs++;
  return record.leaves || record.runs <= firstRuns || record.runs % sample === 0;
}

/**
 * When a statement whose text does not show all it does was first met, in milliseconds of `performance.now()`; -Infinity for
 * others.
 */
export function metSince(effects: Effects): number {
  return (effects.flags & hidden) === 0 ? -Infinity : recordOf(effects).since;
}

function recordOf(effects: Effects): Record {
  let record = records.get(effects);
  if (record === undefined) {
    record = { since: performance.now(), runs: 0, leaves: false };
    records.set(effects, record);
  }
  return record;
}

/** A look after this statement found something that its text did not announce. True the first time. */
export function leavesSomething(effects: Effects): boolean {
  const record = records.get(effects);
  if (record === undefined || record.leaves) return false;
  record.leaves = true;
  return true;
}
