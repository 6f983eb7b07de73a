import type { Inputs } from '../inputs/table.ts';

/** Whether the tasks' pools fit into the proxy's share of the database's connections. */
export interface Budget {
  /** Pool size of one task. */
  readonly poolSize: number;
  /** The highest possible number of tasks: a rolling deployment doubles them. */
  readonly mostTasks: number;
  /** The proxy's share of max_connections. */
  readonly share: number;
  /** Connections while MinTasks tasks run, and while they are replaced one by one. */
  readonly steady: number;
  readonly deploying: number;
  readonly fits: boolean;
  readonly detail: string;
  readonly fix: string;
}

/** The highest possible number of tasks: the service's maximum percent is 200. */
export function mostTasks(inputs: Pick<Inputs, 'MaxTasks'>): number {
  return 2 * inputs.MaxTasks;
}

/**
 * Checks that PoolSize x the highest number of tasks <= MaxConnectionsPercent of max_connections. Without a PoolSize it
 * chooses the largest one that fits.
 */
export function budget(
  inputs: Pick<Inputs, 'PoolSize' | 'MinTasks' | 'MaxTasks' | 'MaxConnectionsPercent'>,
  maxConnections: number,
): Budget {
  const tasks = mostTasks(inputs);
  const share = Math.floor((maxConnections * inputs.MaxConnectionsPercent) / 100);
  const largest = Math.floor(share / tasks);
  const poolSize = inputs.PoolSize ?? Math.max(1, largest);
  const sum = poolSize * tasks;
  return {
    poolSize,
    mostTasks: tasks,
    share,
    steady: poolSize * inputs.MinTasks,
    deploying: 2 * poolSize * inputs.MinTasks,
    fits: sum <= share,
    detail: `${inputs.MinTasks} tasks × ${poolSize} connections = ${poolSize * inputs.MinTasks} of ${maxConnections} in steady state, ${2 * poolSize * inputs.MinTasks} while deploying; at most ${tasks} tasks (a rolling deployment doubles MaxTasks ${inputs.MaxTasks}) take ${sum}; the share is ${share} of ${maxConnections}`,
    fix:
      largest >= 1
        ? `set PoolSize to at most ${largest}, or lower MaxTasks`
        : `lower MaxTasks, or raise MaxConnectionsPercent or max_connections`,
  };
}
