import type { PostgresOptions } from '../postgres/options.ts';
import { startPostgres } from '../postgres/start-postgres.ts';
import { Cluster } from './cluster.ts';

/** The options of a cluster, in addition to those of its first server. */
export interface ClusterOptions extends Omit<PostgresOptions, 'dataDir' | 'keepData'> {
  /** The number of standbys. Default 1. */
  readonly standbys?: number;
  /** A commit waits until a standby has it, so that a promotion loses none. Default false. */
  readonly synchronous?: boolean;
}

/** Starts a primary and its standbys, and resolves when every standby streams. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { standbys = 1, synchronous = false, ...rest } = options;
  const primary = await startPostgres({
    ...rest,
    parameters: {
      wal_keep_size: '256MB',
      wal_retrieve_retry_interval: '100ms',
      ...rest.parameters,
    },
  });
  const cluster = new Cluster(primary, synchronous);
  try {
    for (let i = 0; i < standbys; i++) await cluster.addStandby();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}
