import { setTimeout as delay } from 'node:timers/promises';
import type { FaultProxy } from '../fault/fault-proxy.ts';
import type { Postgres } from '../postgres/postgres.ts';
import type { Cluster } from './cluster.ts';

/** The kinds of failover. */
export const failoverKinds = ['kill', 'shutdown', 'blackhole', 'switchover'] as const;

/**
 * `kill`: all processes of the primary die at once. `shutdown`: a fast shutdown. `blackhole`: its network drops every
 * packet. `switchover`: planned; clients are paused, and the primary is shut down in order.
 */
export type FailoverKind = (typeof failoverKinds)[number];

/** What a failover needs in addition to the cluster. */
export interface FailoverMeans {
  /** The network between the clients and a server. */
  network(server: Postgres): FaultProxy;
  /** Pauses all clients; resolves when nothing is running. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/**
 * Stops the primary in this way and promotes the first standby. Resolves to the former primary when the new one accepts
 * writes.
 */
export async function failOver(
  cluster: Cluster,
  kind: FailoverKind,
  means: FailoverMeans,
): Promise<Postgres> {
  const former = cluster.primary;
  const [standby] = cluster.standbys;
  if (standby === undefined) throw new Error('a fail-over needs a standby');
  let ended: Promise<void> = Promise.resolve();
  switch (kind) {
    case 'kill':
      ended = former.kill();
      // The signals are sent when the postmaster is gone; its children may exit later.
      while (former.pid !== undefined) await delay(1);
      break;
    case 'shutdown':
      await former.shutdown('fast');
      break;
    case 'blackhole':
      await means.network(former).set('blackhole');
      break;
    case 'switchover':
      await means.pause();
      await former.shutdown('fast');
      break;
  }
  await cluster.promote(standby);
  if (kind === 'switchover') await means.resume();
  await ended;
  return former;
}

/** Makes the former primary a standby of the new one, and repairs its network. */
export async function repairCluster(
  cluster: Cluster,
  former: Postgres,
  network: FaultProxy,
): Promise<void> {
  await former.shutdown('immediate');
  await network.set('refuse');
  await network.set('pass');
  await cluster.rejoin(former);
}
