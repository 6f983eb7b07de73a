import type { ReportedFailover } from '@sluice/proxy';
import type { ClusterDatabase } from './cluster.ts';
import { loadPostgres } from './load-postgres.ts';

/** What `sluice failover` is told. */
export interface FailoverReport {
  readonly kind: string;
  readonly faultAt: string;
  /** Null when the proxy has not noticed. */
  readonly failover: ReportedFailover | null;
}

/** Has the database fail over under a proxy whose admin port is at `admin`. */
export async function orderFailOver(
  database: ClusterDatabase,
  admin: string,
  wanted: string,
): Promise<FailoverReport> {
  const { failoverKinds } = await loadPostgres();
  const kind = failoverKinds.find((name) => name === wanted);
  if (kind === undefined)
    throw new Error(`the kind is "${wanted}"; it must be one of ${failoverKinds.join(', ')}`);
  const post = async (place: string): Promise<Record<string, unknown>> => {
    const response = await fetch(admin + place, { method: 'POST' });
    return (await response.json()) as Record<string, unknown>;
  };
  const faultAt = new Date();
  await database.failOver(kind, {
    // Asked again until nothing runs any more: a transaction may take its time.
    pause: async () => {
      while ((await post('/pause'))['quiet'] !== true);
    },
    resume: async () => {
      await post('/resume');
    },
  });
  const response = await fetch(`${admin}/targets`);
  const { failovers } = (await response.json()) as {
    readonly failovers: readonly ReportedFailover[];
  };
  const failover = failovers.find(({ detectedAt }) => Date.parse(detectedAt) >= faultAt.getTime());
  return { kind, faultAt: faultAt.toISOString(), failover: failover ?? null };
}
