import type { CheckResult, HealthCheck } from './health-check.ts';
import { TargetState, UnavailableReason } from './target-state.ts';
import type { Target } from './target.ts';

/** A target and what the checks of it have found. */
export interface MonitoredTarget {
  readonly target: Target;
  readonly check: HealthCheck;
  /** Still among the places that settings, DNS or the database name. */
  listed: boolean;
  /** Checks in a row without an answer. */
  silent: number;
  last: CheckResult | null;
  /** How far it is behind as its cluster tells, in seconds; 0 where nobody tells. */
  toldLag: number;
}

/** How far a member can be relied on, besides its own answers. */
export interface Standing {
  /** The writer, or null while there is none. */
  readonly writer: MonitoredTarget | null;
  /** The member that stands for the same server, reached by another address; null when this one does itself. */
  readonly principal: MonitoredTarget | null;
  /** So many checks without an answer make a target unavailable. */
  readonly failures: number;
  /** A standby that is further behind is unavailable, in seconds; 0 is no limit. */
  readonly lagLimit: number;
}

/** Sets the state that people see; true when it is another than before. */
export function judge(monitored: MonitoredTarget, standing: Standing): boolean {
  const { target, last } = monitored;
  const before = `${target.state} ${target.reason}`;
  const say = (reason: UnavailableReason | null, message: string): void => {
    target.state = reason === null ? TargetState.Available : TargetState.Unavailable;
    target.reason = reason;
    target.message = message;
  };
  if (last?.kind === 'role') {
    const { writer, lagLimit, principal } = standing;
    if (principal !== null) say(null, `it is the same server as ${principal.target.name}`);
    else if (!last.role.inRecovery && writer !== null && writer !== monitored)
      say(
        UnavailableReason.InvalidReplicationState,
        `it accepts writes, but ${writer.target.name} is the writer`,
      );
    else if (last.role.inRecovery && lagLimit > 0 && target.lag > lagLimit)
      say(
        UnavailableReason.ReplicationLag,
        `it is ${target.lag.toFixed(1)} s behind the writer, and MaxReplicationLag is ${lagLimit} s`,
      );
    else say(null, '');
  } else if (last !== null && (last.kind !== 'silent' || monitored.silent >= standing.failures))
    say(last.reason, last.message);
  return `${target.state} ${target.reason}` !== before;
}
