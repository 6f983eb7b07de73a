import { acknowledgedIds, isAcknowledged } from './failover-load.ts';
import type { FailoverLoad, Outcome } from './failover-load.ts';

/** A request that took longer than this and succeeded was held, in milliseconds. */
export const heldMs = 100;

/** Width of the slots of a timeline, in milliseconds. */
export const slotMs = 100;

/** What became of the requests of one kind. */
export interface KindResult {
  readonly asked: number;
  readonly succeeded: number;
  /** Succeeded at the first attempt, and took longer than 100 ms. */
  readonly held: number;
  /** Succeeded after they were asked again. */
  readonly retried: number;
  /** By SQLSTATE, or the words of the driver. */
  readonly failed: Readonly<Record<string, number>>;
}

/** Which acknowledged rows are not there, or more than once. */
export interface RowResult {
  readonly acknowledged: number;
  readonly lost: number;
  readonly doubled: number;
}

/** What became of the requests of one kind, by outcome. */
export function judgeKind(outcomes: readonly Outcome[], kind: Outcome['kind']): KindResult {
  const those = outcomes.filter((outcome) => outcome.kind === kind);
  const done = those.filter(({ error }) => error === null);
  const failed: Record<string, number> = {};
  for (const { error } of those) if (error !== null) failed[error] = (failed[error] ?? 0) + 1;
  return {
    asked: those.length,
    succeeded: done.length,
    held: done.filter(
      ({ attempts, asked, answered }) => attempts === 1 && answered - asked > heldMs,
    ).length,
    retried: done.filter(({ attempts }) => attempts > 1).length,
    failed,
  };
}

/** The longest time between two requests of a kind that succeeded, and when it began. NaN when there were not two. */
export function longestGap(
  outcomes: readonly Outcome[],
  kind: Outcome['kind'],
): { readonly gap: number; readonly from: number } {
  const times = outcomes
    .filter((outcome) => outcome.kind === kind && outcome.error === null)
    .map(({ answered }) => answered)
    .sort((a, b) => a - b);
  let longest = { gap: Number.NaN, from: Number.NaN };
  for (const [at, time] of times.entries()) {
    const before = times[at - 1];
    if (before !== undefined && !(time - before <= longest.gap))
      longest = { gap: time - before, from: before };
  }
  return longest;
}

/** Compares what was acknowledged with what is there: how often each number was found. */
export function judgeRows(load: FailoverLoad, found: ReadonlyMap<number, number>): RowResult {
  const acknowledged = acknowledgedIds(load);
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.filter((id) => !found.has(id)).length,
    doubled: [...found.values()].filter((count) => count > 1).length,
  };
}

/** Acknowledged writes in each slot of 100 ms from a moment on. */
export function timeline(outcomes: readonly Outcome[], from: number, slots: number): number[] {
  const counts = Array.from({ length: slots }, () => 0);
  for (const outcome of outcomes) {
    if (!isAcknowledged(outcome)) continue;
    const slot = Math.floor((outcome.answered - from) / slotMs);
    if (slot >= 0 && slot < slots) counts[slot] = (counts[slot] ?? 0) + 1;
  }
  return counts;
}
