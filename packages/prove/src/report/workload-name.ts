import { isRecord } from '@sluice/proxy/json';

/** The name of the workload in a report; empty if it has none. */
export function workloadName(workload: unknown): string {
  return isRecord(workload) && typeof workload['name'] === 'string' ? workload['name'] : '';
}
