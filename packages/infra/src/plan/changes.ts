import type { ResourceDifference, ResourceImpact } from '@aws-cdk/cloudformation-diff';
import { record, stableJson } from '../values.ts';
import { Template, type TemplateResource } from '../resolve/template.ts';
import { effectOnClients, type Action } from './effects.ts';

/** One resource that an apply would touch. */
export interface Change {
  readonly action: Action;
  /** The logical id in the template. */
  readonly id: string;
  readonly type: string;
  /** What it is called in AWS, when the template says so. */
  readonly name?: string;
  /** The properties that differ, with their values; of an addition all of them. */
  readonly properties: readonly {
    readonly name: string;
    readonly from?: unknown;
    readonly to?: unknown;
  }[];
  /** What it does to clients, if anything. */
  readonly clients?: string;
}

/** The toolkit's words for what becomes of a resource; one that is absent here means that nothing does. */
const actions: Readonly<Partial<Record<`${ResourceImpact}`, Action>>> = {
  WILL_CREATE: 'add',
  WILL_IMPORT: 'add',
  WILL_UPDATE: 'change',
  MAY_REPLACE: 'replace',
  WILL_REPLACE: 'replace',
  WILL_DESTROY: 'remove',
  WILL_ORPHAN: 'remove',
};

/** What turns the deployed template into the new one; empty when nothing does. */
export async function changesBetween(
  deployed: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
): Promise<Change[]> {
  const before = record(deployed['Resources']);
  const after = record(wanted['Resources']);
  const changed = Object.keys(before).some(
    (id) => id in after && stableJson(before[id]) !== stableJson(after[id]),
  );
  if (changed) {
    return differences(deployed, wanted);
  }
  const was = new Template(deployed).resources;
  const is = new Template(wanted).resources;
  return [
    ...was.filter(({ id }) => !(id in after)).map((gone) => changeOf('remove', gone)),
    ...is.filter(({ id }) => !(id in before)).map((made) => changeOf('add', made, given(made))),
  ];
}

/**
 * Which change replaces a resource, AWS's own description of its resources knows. It takes most of a second to load, so
 * only a template in which a resource changes is compared by it.
 */
async function differences(
  deployed: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
): Promise<Change[]> {
  const { fullDiff } = await import('@aws-cdk/cloudformation-diff');
  const changes: Change[] = [];
  // The differ writes into what it is given.
  const difference = fullDiff(structuredClone(deployed), structuredClone(wanted));
  difference.resources.forEachDifference((id, change) => {
    const action = actions[change.changeImpact];
    if (action === undefined) {
      return;
    }
    const resource = resourceOf(action === 'remove' ? deployed : wanted, id);
    if (resource === undefined) {
      return;
    }
    changes.push(
      changeOf(
        action,
        resource,
        action === 'add' ? given(resource) : action === 'remove' ? [] : updates(change),
      ),
    );
  });
  return changes;
}

function resourceOf(
  template: Readonly<Record<string, unknown>>,
  id: string,
): TemplateResource | undefined {
  return new Template(template).resources.find((resource) => resource.id === id);
}

/** The properties that hold a resource's name, by what AWS calls it. */
const names = [
  'DBProxyName',
  'DBProxyEndpointName',
  'LogGroupName',
  'GroupName',
  'RoleName',
  'ClusterName',
  'ServiceName',
  'Family',
  'DashboardName',
  'Name',
];

function changeOf(
  action: Action,
  { id, type, properties: template }: TemplateResource,
  properties: Change['properties'] = [],
): Change {
  const name = names
    .map((property) => template[property])
    .find((value) => typeof value === 'string');
  const clients = effectOnClients(
    type,
    action,
    properties.map((property) => property.name),
  );
  return {
    action,
    id,
    type,
    ...(name === undefined || type === 'AWS::RDS::DBProxyTargetGroup' ? {} : { name }),
    properties,
    ...(clients === undefined ? {} : { clients }),
  };
}

/** The properties of an addition. */
function given({ properties }: TemplateResource): Change['properties'] {
  return Object.entries(properties).map(([name, value]) => ({ name, to: value }));
}

function updates(change: ResourceDifference): Change['properties'] {
  return Object.entries(change.propertyUpdates).map(([name, update]) => ({
    name,
    ...(update.oldValue === undefined ? {} : { from: update.oldValue as unknown }),
    ...(update.newValue === undefined ? {} : { to: update.newValue as unknown }),
  }));
}

/** How many resources each action touches, as Terraform sums a plan up. */
export interface ChangeSummary {
  readonly add: number;
  readonly change: number;
  readonly replace: number;
  readonly destroy: number;
}

export function summaryOf(changes: readonly Change[]): ChangeSummary {
  const count = (action: Action): number =>
    changes.filter((change) => change.action === action).length;
  return {
    add: count('add'),
    change: count('change'),
    replace: count('replace'),
    destroy: count('remove'),
  };
}
