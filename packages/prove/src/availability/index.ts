export { FailoverLoad, isAcknowledged } from './failover-load.ts';
export type { Outcome } from './failover-load.ts';
export { heldMs, judgeKind, judgeRows, longestGap, timeline } from './judge.ts';
export type { KindResult, RowResult } from './judge.ts';
