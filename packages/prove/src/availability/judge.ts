import { acknowledgedIds, isAcknowledged } from './failover-load.ts';
import type { FailoverLoad, Outcome } from './failover-load.ts';

/** A successful request that took longer than this, in milliseconds, had to wait. */
export const heldMs = 100;

/** The width of a slot of the timeline, in milliseconds. */
export const slotMs = 100;

/** The outcomes of the requests of one kind. */
export interface KindResult {
  readonly asked: number;
  readonly succeeded: number;
  /** Succeeded at the first attempt after more than 100 ms. */
  readonly held: number;
  /** Succeeded after a retry. */
  readonly retried: number;
  /** By SQLSTATE, or by the message of the driver. */
  readonly failed: Readonly<Record<string, number>>;
}

/** Acknowledged rows that are missing or duplicated. */
export interface RowResult {
  readonly acknowledged: number;
  readonly lost: number;
  readonly doubled: number;
}

/** Counts the requests of one kind by outcome. */
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

/** The longest time between two successful requests of a kind, and when it began. NaN if there are fewer than two. */
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

/** Compares the acknowledged rows with the counts of the rows in the table. */
export function judgeRows(load: FailoverLoad, found: ReadonlyMap<number, number>): RowResult {
  const acknowledged = acknowledgedIds(load);
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.filter((id) => !found.has(id)).length,
    doubled: [...found.values()].filter((count) => count > 1).length,
  };
}

/** The number of acknowledged writes in each 100 ms slot since a moment. */
export function timeline(outcomes: readonly Outcome[], from: number, slots: number): number[] {
  const counts = Array.from({ length: slots }, () => 0);
  for (const outcome of outcomes) {
    if (!isAcknowledged(outcome)) continue;
    const slot = Math.floor((outcome.answered - from) / slotMs);
    if (slot >= 0 && slot < slots) counts[slot] = (counts[slot] ?? 0) + 1;
  }
  return counts;
}
