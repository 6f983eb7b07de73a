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

/** One property that is not as it was applied. */
export interface Drift {
  /** The logical id in the template. */
  readonly resource: string;
  readonly type: string;
  /** Empty when the whole resource is gone. */
  readonly property: string;
  /** As applied, and as it is now; absent when it is not set. `made` and `gone` when the resource is no longer there. */
  readonly applied?: unknown;
  readonly live?: unknown;
}

/** The readers of all types that the two engines are made of; a test sees to it that none is missing. */
export const readers: Readonly<Record<string, LiveReader>> = {
  ...liveManaged,
  ...liveService,
  ...liveNetwork,
  ...liveRoles,
  ...liveMonitoring,
  ...liveExtras,
};

/** What was found to differ, and what could not be looked at. */
export interface DriftReport {
  readonly drift: readonly Drift[];
  /** Sentences: what the caller may not read, of which resource. */
  readonly unread: readonly string[];
}

/**
 * Compares what is deployed with what was applied, by our own reads: CloudFormation's drift detection fails for a
 * whole stack that holds a DBProxyTargetGroup.
 */
export async function readDrift(
  clients: Clients,
  deployed: DeployedStack | undefined,
): Promise<DriftReport> {
  // Half-way through an update nothing is as it will be.
  if (
    deployed === undefined ||
    !/^(?:CREATE|UPDATE)(?:_ROLLBACK)?_COMPLETE$/.test(deployed.status)
  ) {
    return { drift: [], unread: [] };
  }
  return compareResources(clients, await resourcesOf(clients, deployed));
}

/** Compares resources whose ids are known, whether they belong to a stack or not. */
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

/** The resources of a stack with the ids that AWS gave them. */
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

/** What is missing is gone; what the caller may not read is told, and hinders nothing else. */
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

/** Lists whose order means nothing are put into one order; AWS writes a list of one as its entry, at times. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) {
    const entries = value.map(normal).sort((a, b) => (stableJson(a) < stableJson(b) ? -1 : 1));
    return entries.length === 1 ? entries[0] : entries;
  }
  return isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, normal(entry)]))
    : value;
}
