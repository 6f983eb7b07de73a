import type { Endpoint } from '../frontend/endpoint.ts';
import type { PinReason } from '../pinning/pin-reason.ts';
import { SessionState } from '../session/session-state.ts';
import type { RolePools, TargetRole } from '../targets/role-pools.ts';
import type { TargetGroup } from '../targets/target-group.ts';
import type { TargetState } from '../targets/target-state.ts';
import { Histogram } from '../telemetry/histogram.ts';

/** The state of a running proxy, for GET `/status` and `sluice status`. */
export interface ProxyStatus {
  /** The start time, in ISO 8601. */
  readonly startedAt: string;
  /** The time of this status. */
  readonly readAt: string;
  readonly pid: number;
  /** The proxy is paused. */
  readonly paused: boolean;
  /** It refuses new clients and exits after the last transaction. */
  readonly draining: boolean;
  readonly endpoints: readonly EndpointStatus[];
  readonly pools: readonly PoolStatus[];
  readonly targets: readonly TargetStatus[];
  /** Statements that pinned sessions, the most frequent first. */
  readonly pins: readonly PinStatus[];
  readonly waits: WaitStatus;
}

/** The clients of one endpoint, each counted once. */
export interface ClientCount {
  /** Logging in. */
  readonly arriving: number;
  /** Between transactions. */
  readonly idle: number;
  /** In the borrow queue. */
  readonly waiting: number;
  /** With a lease. */
  readonly active: number;
  /** Pinned to one. */
  readonly pinned: number;
}

/** An endpoint and its clients. */
export interface EndpointStatus {
  readonly name: string;
  readonly role: TargetRole;
  readonly clients: ClientCount;
}

/** The server connections of one database and user. */
export interface PoolStatus {
  readonly role: TargetRole;
  readonly database: string;
  readonly user: string;
  /** The number of client sessions. */
  readonly sessions: number;
  /** The maximum number of server connections. */
  readonly limit: number;
  readonly open: number;
  readonly idle: number;
  readonly opening: number;
  /** The number of sessions in its borrow queue. */
  readonly waiting: number;
  /** How long the first of them has been waiting. */
  readonly waitingSeconds: number;
  /** Queries answered since the start. */
  readonly queries: number;
}

/** A database instance behind the proxy. */
export interface TargetStatus {
  readonly name: string;
  readonly state: TargetState;
  /** Why it is unavailable; null if it is available. */
  readonly reason: string | null;
  readonly role: TargetRole | 'UNKNOWN';
  readonly drained: boolean;
  /** The replication lag of a standby; null for the writer. */
  readonly lagSeconds: number | null;
  /** The numbers of leased, open and allowed server connections. */
  readonly borrowed: number;
  readonly used: number;
  readonly allowed: number;
}

/** How often a statement has pinned a session. */
export interface PinStatus {
  readonly reason: PinReason;
  /** The normalized query; empty if none caused the pin. */
  readonly statement: string;
  readonly pins: number;
}

/**
 * How long sessions waited for a server connection since the start, in seconds; null if there were no requests, or if
 * it was longer than 100 s.
 */
export interface WaitStatus {
  /** The number of requests for a lease. */
  readonly borrows: number;
  readonly median: number | null;
  readonly p99: number | null;
}

/** The sources of a status. */
export interface StatusSources {
  readonly startedAt: Date;
  readonly draining: boolean;
  readonly endpoints: readonly Endpoint[];
  readonly group: TargetGroup;
}

/** Reads the status of a proxy from its current objects, without additional counters. */
export function readStatus({ startedAt, draining, endpoints, group }: StatusSources): ProxyStatus {
  return {
    startedAt: startedAt.toISOString(),
    readAt: new Date().toISOString(),
    pid: process.pid,
    paused: group.paused,
    draining,
    endpoints: endpoints.map((endpoint) => ({
      name: endpoint.name,
      role: endpoint.role,
      clients: countClients(endpoint),
    })),
    pools: group.allPools.flatMap(poolStatus),
    targets: targetStatus(group),
    pins: endpoints
      .flatMap(({ stats }) => [...stats.pins.counts])
      .map(({ reason, statement, pins }) => ({ reason, statement, pins }))
      .sort((a, b) => b.pins - a.pins),
    waits: waitStatus(group),
  };
}

/** Counts the clients of an endpoint by state. */
export function countClients({ arriving, sessions }: Endpoint): ClientCount {
  const count = { arriving, idle: 0, waiting: 0, active: 0, pinned: 0 };
  for (const session of sessions) {
    if (session.pin !== null) count.pinned++;
    else if (session.state === SessionState.Idle) count.idle++;
    else if (session.state === SessionState.Waiting) count.waiting++;
    else count.active++;
  }
  return count;
}

function poolStatus({ role, pools }: RolePools): PoolStatus[] {
  const now = performance.now();
  return [...pools].map((pool) => ({
    role,
    database: pool.database,
    user: pool.user,
    sessions: pool.sessions,
    limit: pool.limit,
    open: pool.connections.size,
    idle: pool.idleCount,
    opening: pool.openingCount,
    waiting: pool.waitingCount,
    waitingSeconds: pool.waitingSince === null ? 0 : Math.max(0, now - pool.waitingSince) / 1000,
    queries: pool.stats.cycles,
  }));
}

function targetStatus(group: TargetGroup): TargetStatus[] {
  return group.targets.map((target) => {
    const isStandby = target.role?.inRecovery === true;
    const others = isStandby ? 'READ_ONLY' : 'UNKNOWN';
    return {
      name: target.name,
      state: target.state,
      reason: target.reason,
      role: target === group.writer ? 'READ_WRITE' : others,
      drained: target.drained,
      lagSeconds: isStandby ? target.lag : null,
      borrowed: target.leases,
      used: target.used,
      allowed: target.allowed,
    };
  });
}

function waitStatus(group: TargetGroup): WaitStatus {
  const all = new Histogram();
  for (const { pools } of group.allPools) for (const { stats } of pools) all.add(stats.borrowWait);
  return {
    borrows: all.count,
    median: inSeconds(all.quantile(0.5)),
    p99: inSeconds(all.quantile(0.99)),
  };
}

function inSeconds(milliseconds: number | null): number | null {
  return milliseconds === null || milliseconds === Infinity ? null : milliseconds / 1000;
}
