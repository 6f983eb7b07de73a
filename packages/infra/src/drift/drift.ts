import { DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import type { Clients } from '../aws/clients.ts';
import { failureKind } from '../aws/failure.ts';
import { messageOf } from '../errors.ts';
import type { DeployedStack } from '../resolve/facts.ts';
import type { TemplateResource } from '../resolve/template.ts';
import { isRecord, stableJson } from '../values.ts';
import { Compared, type Live, type LiveReader, type Question } from './live.ts';
import { liveExtras } from './live-extras.ts';
import { liveManaged } from './live-managed.ts';
import { liveMonitoring } from './live-monitoring.ts';
import { liveNetwork } from './live-network.ts';
import { liveRoles } from './live-roles.ts';
import { liveService } from './live-service.ts';
import { keptResources, resolvedResources, type PhysicalIds } from './references.ts';

/** One property that differs from what was applied. */
export interface Drift {
  /** The logical id in the template. */
  readonly resource: string;
  readonly type: string;
  /** Empty if the whole resource is missing. */
  readonly property: string;
  /**
   * The applied value and the current one; absent if it is not set. `made` and `gone` if the resource no longer exists.
   */
  readonly applied?: unknown;
  readonly live?: unknown;
}

/** The readers of all resource types of the two engines; a test verifies that none is missing. */
export const readers: Readonly<Record<string, LiveReader>> = {
  ...liveManaged,
  ...liveService,
  ...liveNetwork,
  ...liveRoles,
  ...liveMonitoring,
  ...liveExtras,
};

/** The differences, and what could not be read. */
export interface DriftReport {
  readonly drift: readonly Drift[];
  /** Sentences that name what the caller is not allowed to read, and of which resource. */
  readonly unread: readonly string[];
}

/**
 * Compares what is deployed with what was applied. We read the resources ourselves, because CloudFormation's drift
 * detection fails for a whole stack that contains a DBProxyTargetGroup.
 */
export async function readDrift(
  clients: Clients,
  deployed: DeployedStack | undefined,
): Promise<DriftReport> {
  // In the middle of an update, no property has its final value.
  if (
    deployed === undefined ||
    !/^(?:CREATE|UPDATE)(?:_ROLLBACK)?_COMPLETE$/.test(deployed.status)
  ) {
    return { drift: [], unread: [] };
  }
  return compareResources(clients, await resourcesOf(clients, deployed));
}

/** Compares resources with known ids, whether they belong to a stack or not. */
export async function compareResources(
  clients: Clients,
  { all, physical }: { readonly all: readonly TemplateResource[]; readonly physical: PhysicalIds },
): Promise<DriftReport> {
  const reports = await Promise.all(
    all.map(async (resource): Promise<DriftReport> => {
      const reader = readers[resource.type];
      const id = physical[resource.id];
      if (reader === undefined || id === undefined) {
        const detail = `${resource.type} ${resource.id} could not be compared: CloudFormation gives no id for it`;
        return { drift: [], unread: [detail] };
      }
      return compared({ clients, resource, id, all }, reader);
    }),
  );
  return {
    drift: reports.flatMap((report) => report.drift),
    unread: [...new Set(reports.flatMap((report) => report.unread))],
  };
}

/** The resources of a stack with their physical ids. */
export async function resourcesOf(
  clients: Clients,
  deployed: DeployedStack,
): Promise<{ readonly all: readonly TemplateResource[]; readonly physical: PhysicalIds }> {
  const physical = {
    ...(await physicalIds(clients, deployed.name)),
    ...Object.fromEntries(keptResources(deployed).map(({ id }) => [id, id])),
  };
  return { all: resolvedResources(deployed, physical), physical };
}

/**
 * A missing resource is reported as gone. What the caller is not allowed to read is reported too, and does not affect
 * the other resources.
 */
async function compared(question: Question, reader: LiveReader): Promise<DriftReport> {
  const { resource } = question;
  try {
    return { drift: compare(resource, await reader(question)), unread: [] };
  } catch (error) {
    const kind = failureKind(error);
    if (kind === 'missing') {
      return { drift: compare(resource, undefined), unread: [] };
    }
    if (kind === 'denied' || kind === 'other') {
      const detail = `${resource.type} ${resource.id} could not be compared: ${messageOf(error)}`;
      return { drift: [], unread: [detail] };
    }
    throw error;
  }
}

async function physicalIds(clients: Clients, stack: string): Promise<PhysicalIds> {
  const answer = await clients.cloudFormation.send(
    new DescribeStackResourcesCommand({ StackName: stack }),
  );
  return Object.fromEntries(
    (answer.StackResources ?? []).flatMap(
      ({ LogicalResourceId: id, PhysicalResourceId: physical }) =>
        id === undefined || physical === undefined ? [] : [[id, physical]],
    ),
  );
}

function compare({ id, type, properties }: TemplateResource, live: Live): Drift[] {
  if (live === undefined) {
    return [{ resource: id, type, property: '', applied: 'made', live: 'gone' }];
  }
  return Object.entries(live).flatMap(([property, value]) => {
    const [applied, now] =
      value instanceof Compared ? [value.applied, value.live] : [properties[property], value];
    return stableJson(normal(applied)) === stableJson(normal(now))
      ? []
      : [
          {
            resource: id,
            type,
            property,
            ...(applied === undefined ? {} : { applied }),
            ...(now === undefined ? {} : { live: now }),
          },
        ];
  });
}

/** Sorts lists whose order has no meaning. AWS sometimes returns the entry itself for a list of one. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) {
    const entries = value.map(normal).sort((a, b) => (stableJson(a) < stableJson(b) ? -1 : 1));
    return entries.length === 1 ? entries[0] : entries;
  }
  return isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, normal(entry)]))
    : value;
}
