import type { Endpoint } from '../frontend/endpoint.ts';
import type { PinReason } from '../pinning/pin-reason.ts';
import { SessionState } from '../session/session-state.ts';
import type { RolePools, TargetRole } from '../targets/role-pools.ts';
import type { TargetGroup } from '../targets/target-group.ts';
import type { TargetState } from '../targets/target-state.ts';
import { Histogram } from '../telemetry/histogram.ts';

/** A running proxy at a glance, as GET `/status` answers and `sluice status` shows. */
export interface ProxyStatus {
  /** When it was started, in ISO 8601. */
  readonly startedAt: string;
  /** When this was read. */
  readonly readAt: string;
  readonly pid: number;
  /** Clients are held by a pause. */
  readonly paused: boolean;
  /** It takes no new clients and ends when the last transaction has. */
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
  /** Served by a server connection. */
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

/** The server connections that sessions of one database and user share. */
export interface PoolStatus {
  readonly role: TargetRole;
  readonly database: string;
  readonly user: string;
  /** Client sessions that it serves. */
  readonly sessions: number;
  /** The most server connections that it may open. */
  readonly limit: number;
  readonly open: number;
  readonly idle: number;
  readonly opening: number;
  /** Sessions in its borrow queue. */
  readonly waiting: number;
  /** How long the first of them has waited. */
  readonly waitingSeconds: number;
  /** Queries answered since the start. */
  readonly queries: number;
}

/** A database instance behind the proxy. */
export interface TargetStatus {
  readonly name: string;
  readonly state: TargetState;
  /** Why it is unavailable; null when it is not. */
  readonly reason: string | null;
  readonly role: TargetRole | 'UNKNOWN';
  readonly drained: boolean;
  /** Seconds that a standby is behind; null for the writer. */
  readonly lagSeconds: number | null;
  /** Server connections that are lent, that are open, and that may be open. */
  readonly borrowed: number;
  readonly used: number;
  readonly allowed: number;
}

/** How often a statement has pinned a session. */
export interface PinStatus {
  readonly reason: PinReason;
  /** The statement, its literals replaced; empty where none did it. */
  readonly statement: string;
  readonly pins: number;
}

/**
 * How long sessions waited for a server connection since the start, in seconds; null when nobody asked for one, or
 * when it was longer than 100 s.
 */
export interface WaitStatus {
  /** How often one was asked for. */
  readonly borrows: number;
  readonly median: number | null;
  readonly p99: number | null;
}

/** What a status is read from. */
export interface StatusSources {
  readonly startedAt: Date;
  readonly draining: boolean;
  readonly endpoints: readonly Endpoint[];
  readonly group: TargetGroup;
}

/** Reads the status of a proxy. Nothing is counted for it: it is made of what is there. */
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

/** Counts the clients of an endpoint by what they do. */
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
