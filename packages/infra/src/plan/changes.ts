import { fullDiff, ResourceImpact, type ResourceDifference } from '@aws-cdk/cloudformation-diff';
import { stableJson } from '../values.ts';
import { Template } from '../resolve/template.ts';
import { effectOnClients } from './effects.ts';

export type Action = 'add' | 'change' | 'replace' | 'remove';

/** One resource that an apply would touch. */
export interface Change {
  readonly action: Action;
  /** The logical id in the template. */
  readonly id: string;
  readonly type: string;
  /** The properties that differ, as JSON. */
  readonly properties: readonly {
    readonly name: string;
    readonly from?: string;
    readonly to?: string;
  }[];
  /** What it does to clients, if anything. */
  readonly clients?: string;
}

const actions: Readonly<Partial<Record<ResourceImpact, Action>>> = {
  [ResourceImpact.WILL_CREATE]: 'add',
  [ResourceImpact.WILL_IMPORT]: 'add',
  [ResourceImpact.WILL_UPDATE]: 'change',
  [ResourceImpact.MAY_REPLACE]: 'replace',
  [ResourceImpact.WILL_REPLACE]: 'replace',
  [ResourceImpact.WILL_DESTROY]: 'remove',
  [ResourceImpact.WILL_ORPHAN]: 'remove',
};

/** What turns the deployed template into the new one; empty when nothing does. */
export function changesBetween(
  deployed: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
): Change[] {
  const changes: Change[] = [];
  // The differ writes into what it is given.
  const difference = fullDiff(structuredClone(deployed), structuredClone(wanted));
  difference.resources.forEachDifference((id, change) => {
    const action = actions[change.changeImpact];
    if (action === undefined) {
      return;
    }
    const type = change.newResourceType ?? change.oldResourceType ?? 'unknown';
    const properties = action === 'change' || action === 'replace' ? updates(change) : [];
    const clients = effectOnClients(
      type,
      action,
      properties.map((property) => property.name),
    );
    changes.push({
      action,
      id,
      type,
      properties,
      ...(clients === undefined ? {} : { clients }),
    });
  });
  return changes;
}

function updates(change: ResourceDifference): Change['properties'] {
  return Object.entries(change.propertyUpdates).map(([name, update]) => ({
    name,
    ...(update.oldValue === undefined ? {} : { from: stableJson(update.oldValue) }),
    ...(update.newValue === undefined ? {} : { to: stableJson(update.newValue) }),
  }));
}

/** What becomes of the host name that clients dial. */
export interface EndpointChange {
  readonly now?: string;
  readonly changes: boolean;
  readonly told: string;
}

/** The proxy and the load balancer are what the endpoint's name hangs on. */
const endpointTypes = new Set(['AWS::RDS::DBProxy', 'AWS::ElasticLoadBalancingV2::LoadBalancer']);

export function endpointChange(
  deployed: Readonly<Record<string, unknown>>,
  changes: readonly Change[],
  now: string | undefined,
): EndpointChange {
  const touched = changes.filter((change) => endpointTypes.has(change.type));
  const before = new Template(deployed).engine();
  if (before === undefined || now === undefined || now === '') {
    return { changes: false, told: 'a new endpoint is made' };
  }
  return touched.some((change) => change.action === 'replace' || change.action === 'remove')
    ? {
        now,
        changes: true,
        told: `THE ENDPOINT CHANGES ITS NAME: ${now} GOES AWAY AT THE END OF THE APPLY; POINT CLIENTS TO THE NEW ONE`,
      }
    : { now, changes: false, told: `the endpoint stays ${now}` };
}
