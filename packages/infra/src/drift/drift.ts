import { DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import type { Clients } from '../aws/clients.ts';
import type { DeployedStack } from '../resolve/facts.ts';
import { Template, type TemplateResource } from '../resolve/template.ts';
import { isRecord, record, stableJson } from '../values.ts';
import { liveManaged } from './live-managed.ts';
import { liveService } from './live-service.ts';

/** One property that is not as it was applied. */
export interface Drift {
  /** The logical id in the template. */
  readonly resource: string;
  readonly type: string;
  readonly property: string;
  /** As applied, and as it is now; JSON. `gone` when the resource is no longer there. */
  readonly applied: string;
  readonly live: string;
}

/** What AWS says a resource is like now, in the template’s terms; undefined when it is gone. */
export type Live = Readonly<Record<string, unknown>> | undefined;

/** Reads the resources of a type as they are now, keyed by logical id; types it cannot read are absent. */
export type LiveReader = (
  clients: Clients,
  resource: TemplateResource,
  physicalId: string,
) => Promise<Live>;

const readers: Readonly<Record<string, LiveReader>> = { ...liveManaged, ...liveService };

/**
 * Compares what is deployed with what was applied, by our own reads: CloudFormation's drift detection fails for a
 * whole stack that holds a DBProxyTargetGroup.
 */
export async function readDrift(
  clients: Clients,
  deployed: DeployedStack | undefined,
): Promise<Drift[]> {
  // Half-way through an update nothing is as it will be.
  if (
    deployed === undefined ||
    !/^(?:CREATE|UPDATE)(?:_ROLLBACK)?_COMPLETE$/.test(deployed.status)
  ) {
    return [];
  }
  const template = new Template(deployed.template);
  const physical = await physicalIds(clients, deployed.name);
  const drifts = await Promise.all(
    template.resources.map(async (resource) => {
      const reader = readers[resource.type];
      const id = physical[resource.id];
      if (reader === undefined || id === undefined) {
        return [];
      }
      const applied = {
        ...resource,
        properties: record(resolveReferences(resource.properties, physical)),
      };
      return compare(applied, await reader(clients, applied, id));
    }),
  );
  return drifts.flat();
}

async function physicalIds(clients: Clients, stack: string): Promise<Record<string, string>> {
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
    const applied = shown(properties[property]);
    const now = shown(value);
    return applied === now ? [] : [{ resource: id, type, property, applied, live: now }];
  });
}

function shown(value: unknown): string {
  return value === undefined ? 'not set' : stableJson(normal(value));
}

/** `Ref` and `Fn::GetAtt` of the stack's own resources as the ids that they stand for. */
function resolveReferences(value: unknown, physical: Readonly<Record<string, string>>): unknown {
  if (Array.isArray(value)) {
    return value.map((entry) => resolveReferences(entry, physical));
  }
  if (!isRecord(value)) {
    return value;
  }
  const reference =
    value['Ref'] ?? (Array.isArray(value['Fn::GetAtt']) ? value['Fn::GetAtt'][0] : undefined);
  if (typeof reference === 'string' && Object.keys(value).length === 1) {
    return physical[reference] ?? reference;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, resolveReferences(entry, physical)]),
  );
}

/** Lists whose order means nothing are put into one order. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(normal).sort((a, b) => (stableJson(a) < stableJson(b) ? -1 : 1));
  }
  return isRecord(value)
    ? Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, normal(entry)]))
    : value;
}
