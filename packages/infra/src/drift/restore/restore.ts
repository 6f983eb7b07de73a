import type { Clients } from '../../aws/clients.ts';
import { failureKind } from '../../aws/failure.ts';
import { InfraError, messageOf } from '../../errors.ts';
import type { DeployedStack } from '../../resolve/facts.ts';
import { readDrift, resourcesOf, type Drift } from '../drift.ts';
import { restoreExtras } from './extras.ts';
import { restoreManaged } from './managed.ts';
import { restoreMonitoring } from './monitoring.ts';
import { restoreNetwork } from './network.ts';
import type { Restorer } from './restorer.ts';
import { restoreRoles } from './roles.ts';
import { restoreService } from './service.ts';

/** The restorers of all resource types of the two engines; a test verifies that none is missing. */
export const restorers: Readonly<Record<string, Restorer>> = {
  ...restoreManaged,
  ...restoreService,
  ...restoreNetwork,
  ...restoreRoles,
  ...restoreMonitoring,
  ...restoreExtras,
};

/** Why an apply cannot revert this drift; undefined if it can. */
export function irreparable({
  type,
  property,
}: Pick<Drift, 'type' | 'property'>): string | undefined {
  const restorer = restorers[type];
  if (restorer === undefined) {
    return 'sluice cannot change it';
  }
  if (property === '') {
    return typeof restorer.make === 'string' ? restorer.make : undefined;
  }
  return restorer.fixed?.[property];
}

/** Which drift to restore. */
export interface RestoreOptions {
  readonly clients: Clients;
  readonly stack: DeployedStack;
  /** Selects the drift to revert; the rest stays. @default - everything that can be reverted */
  readonly only?: (drift: Drift) => boolean;
  /** Receives one line of text for each resource. */
  readonly note: (line: string) => void;
}

/**
 * Reads the drift and reverts it, one resource after another.
 * @returns the reverted drift
 * @throws InfraError APPLY_FAILED with everything that could not be reverted; the rest is reverted
 */
export async function restoreDrift(options: RestoreOptions): Promise<Drift[]> {
  const { clients, stack, only = () => true, note } = options;
  const { drift } = await readDrift(clients, stack);
  const wanted = drift.filter((one) => irreparable(one) === undefined && only(one));
  if (wanted.length === 0) {
    return [];
  }
  const { all, physical } = await resourcesOf(clients, stack);
  const problems: string[] = [];
  const byResource = Object.groupBy(wanted, ({ resource }) => resource);
  for (const [id, found = []] of Object.entries(byResource)) {
    const resource = all.find((one) => one.id === id);
    const restorer = restorers[resource?.type ?? ''];
    if (resource === undefined || restorer === undefined) {
      continue;
    }
    const properties = new Set(found.map(({ property }) => property));
    const gone = properties.has('');
    const what = gone ? 'created again' : [...properties].join(', ');
    try {
      const restoration = { clients, resource, id: physical[id] ?? '', all, properties };
      await (gone && typeof restorer.make !== 'string'
        ? restorer.make(restoration)
        : restorer.set(restoration));
      note(`restored ${resource.type} ${id}: ${what}`);
    } catch (error) {
      const detail =
        failureKind(error) === 'denied' ? 'the caller is not allowed to do this' : messageOf(error);
      problems.push(`${resource.type} ${id} could not be restored (${what}): ${detail}`);
    }
  }
  if (problems.length > 0) {
    throw new InfraError('APPLY_FAILED', problems);
  }
  return wanted;
}
