import type { CheckResult, HealthCheck } from './health-check.ts';
import { TargetState, UnavailableReason } from './target-state.ts';
import type { Target } from './target.ts';

/** A target and the results of its checks. */
export interface MonitoredTarget {
  readonly target: Target;
  readonly check: HealthCheck;
  /** Settings, DNS or the database still list it. */
  listed: boolean;
  /** The number of consecutive checks without a response. */
  silent: number;
  last: CheckResult | null;
  /** Its replication lag according to its cluster, in seconds; 0 if unknown. */
  reportedLag: number;
}

/** The context for judging a target, in addition to its own responses. */
export interface Standing {
  /** The writer, or null if there is none. */
  readonly writer: MonitoredTarget | null;
  /** The target that represents the same server at another address; null if this one does. */
  readonly principal: MonitoredTarget | null;
  /** The number of checks without a response that makes a target unavailable. */
  readonly failures: number;
  /** A standby with a greater lag is unavailable, in seconds; 0 is no limit. */
  readonly lagLimit: number;
}

/** Updates the published state; true if it has changed. */
export function judge(monitored: MonitoredTarget, standing: Standing): boolean {
  const { target, last } = monitored;
  const before = `${target.state} ${target.reason}`;
  const set = (reason: UnavailableReason | null, message: string): void => {
    target.state = reason === null ? TargetState.Available : TargetState.Unavailable;
    target.reason = reason;
    target.message = message;
  };
  if (last?.kind === 'role') {
    const { writer, lagLimit, principal } = standing;
    if (principal !== null) set(null, `it is the same server as ${principal.target.name}`);
    else if (!last.role.inRecovery && writer !== null && writer !== monitored)
      set(
        UnavailableReason.InvalidReplicationState,
        `it accepts writes, but ${writer.target.name} is the writer`,
      );
    else if (last.role.inRecovery && lagLimit > 0 && target.lag > lagLimit)
      set(
        UnavailableReason.ReplicationLag,
        `it is ${target.lag.toFixed(1)} s behind the writer, and MaxReplicationLag is ${lagLimit} s`,
      );
    else set(null, '');
  } else if (last !== null && (last.kind !== 'silent' || monitored.silent >= standing.failures))
    set(last.reason, last.message);
  return `${target.state} ${target.reason}` !== before;
}
