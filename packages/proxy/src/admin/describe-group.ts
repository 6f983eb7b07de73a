import type { RolePools } from '../targets/role-pools.ts';
import type { TargetGroup } from '../targets/target-group.ts';
import type { Target } from '../targets/target.ts';

/** The target group in `/targets`. */
export function describeGroup(group: TargetGroup): unknown {
  return {
    writer: group.writer?.name ?? null,
    readers: group.pools('READ_ONLY').serving.map(({ name }) => name),
    paused: group.paused,
    targets: group.targets.map((target) => describeTarget(target, group)),
    pools: group.allPools.flatMap(describePools),
    failovers: group.failovers.history,
  };
}

function describeTarget(target: Target, group: TargetGroup): unknown {
  const { role } = target;
  return {
    target: target.name,
    state: target.state,
    ...(target.reason === null ? {} : { reason: target.reason }),
    ...(target.message === '' ? {} : { message: target.message }),
    role: role === null ? null : roleName(target, group),
    timeline: role?.timeline ?? null,
    lagSeconds: role?.inRecovery === true ? target.lag : null,
    drained: target.drained,
    capacity: target.capacity,
    allowed: target.allowed,
    used: target.used,
    leases: target.leases,
  };
}

function describePools(pools: RolePools): unknown[] {
  return [...pools.pools].map((pool) => ({
    role: pools.role,
    database: pool.database,
    user: pool.user,
    limit: pool.limit,
    open: pool.connections.size,
    idle: pool.idleCount,
    opening: pool.openingCount,
    waiting: pool.waitingCount,
    sessions: pool.sessions,
  }));
}

/** The role as in RDS Proxy; a server that accepts writes and is not the writer has neither. */
function roleName(target: Target, group: TargetGroup): 'READ_WRITE' | 'READ_ONLY' | 'UNKNOWN' {
  if (target === group.writer) return 'READ_WRITE';
  return target.role?.inRecovery === true ? 'READ_ONLY' : 'UNKNOWN';
}
