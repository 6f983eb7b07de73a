import type { Target } from '../target/target.ts';

/** A target and its pools, as `/targets` shows them. */
export function describeTarget(target: Target): unknown {
  return {
    target: target.name,
    capacity: target.capacity,
    allowed: target.allowed,
    used: target.used,
    pools: [...target.pools].map((pool) => ({
      database: pool.database,
      user: pool.user,
      limit: pool.limit,
      open: pool.connections.size,
      idle: pool.idleCount,
      opening: pool.openingCount,
      waiting: pool.waitingCount,
      sessions: pool.sessions,
    })),
  };
}
