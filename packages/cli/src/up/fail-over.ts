import type { ReportedFailover } from '@sluice/proxy';
import { hasFailovers, isFailover, isWorkResponse } from '@sluice/proxy/admin-json';
import { isString, objectOf, orNull, parseJson } from '@sluice/proxy/json';
import type { Guard } from '@sluice/proxy/json';
import type { ClusterDatabase } from './cluster.ts';
import { loadPostgres } from './load-postgres.ts';

/** The response to `sluice failover`. */
export interface FailoverReport {
  readonly kind: string;
  readonly faultAt: string;
  /** Null if the proxy has not noticed it. */
  readonly failover: ReportedFailover | null;
}

export const isFailoverReport: Guard<FailoverReport> = objectOf<FailoverReport>({
  kind: isString,
  faultAt: isString,
  failover: orNull(isFailover),
});

/** Makes the database fail over behind the proxy whose admin port is at `admin`. */
export async function runFailover(
  database: ClusterDatabase,
  admin: string,
  wanted: string,
): Promise<FailoverReport> {
  const { failoverKinds } = await loadPostgres();
  const kind = failoverKinds.find((name) => name === wanted);
  if (kind === undefined)
    throw new Error(`the kind is "${wanted}"; it must be one of ${failoverKinds.join(', ')}`);
  const post = async (place: string): Promise<boolean> => {
    const response = await fetch(admin + place, { method: 'POST' });
    return parseJson(await response.text(), isWorkResponse)?.quiet === true;
  };
  const faultAt = new Date();
  await database.failOver(kind, {
    // Repeated until nothing is running: a transaction may take long.
    pause: async () => {
      while (!(await post('/pause')));
    },
    resume: async () => {
      await post('/resume');
    },
  });
  const response = await fetch(`${admin}/targets`);
  const targets = parseJson(await response.text(), hasFailovers);
  if (targets === undefined) throw new Error(`${admin}/targets has no failover history`);
  const failover = targets.failovers.find(
    ({ detectedAt }) => Date.parse(detectedAt) >= faultAt.getTime(),
  );
  return { kind, faultAt: faultAt.toISOString(), failover: failover ?? null };
}
