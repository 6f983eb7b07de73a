import type { ResourceDifference, ResourceImpact } from '@aws-cdk/cloudformation-diff';
import { record, stableJson } from '../values.ts';
import { Template, type TemplateResource } from '../resolve/template.ts';
import { effectOnClients, type Action } from './effects.ts';

/** One resource that an apply would change. */
export interface Change {
  readonly action: Action;
  /** The logical id in the template. */
  readonly id: string;
  readonly type: string;
  /** Its name in AWS, if the template contains it. */
  readonly name?: string;
  /** The properties that differ, with their values; all properties of a new resource. */
  readonly properties: readonly {
    readonly name: string;
    readonly from?: unknown;
    readonly to?: unknown;
  }[];
  /** The effect on clients, if any. */
  readonly clients?: string;
  /** Why CloudFormation cannot make the change. */
  readonly impossible?: string;
}

/** The toolkit's names for what happens to a resource; those that are missing here mean that nothing happens. */
const actions: Readonly<Partial<Record<`${ResourceImpact}`, Action>>> = {
  WILL_CREATE: 'add',
  WILL_IMPORT: 'add',
  WILL_UPDATE: 'change',
  MAY_REPLACE: 'replace',
  WILL_REPLACE: 'replace',
  WILL_DESTROY: 'remove',
  WILL_ORPHAN: 'remove',
};

/** The changes from the deployed template to the new one; empty if there are none. */
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
 * Compares with AWS's own description of its resources, which knows which change replaces a resource. It takes most of
 * a second to load, so it is used only if a resource changes.
 */
async function differences(
  deployed: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
): Promise<Change[]> {
  const { fullDiff } = await import('@aws-cdk/cloudformation-diff');
  const changes: Change[] = [];
  // The differ modifies its arguments.
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
    const made = changeOf(
      action,
      resource,
      action === 'add' ? given(resource) : action === 'remove' ? [] : updates(change),
    );
    const before = resourceOf(deployed, id);
    const fixed = Object.entries(change.propertyUpdates)
      .filter(([, update]) => String(update.changeImpact) === 'WILL_REPLACE')
      .map(([property]) => property);
    changes.push(
      before !== undefined && fixed.length > 0
        ? { ...made, ...impossible(made, nameOf(before), fixed) }
        : made,
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

/** The properties that contain a resource's name. */
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

function nameOf({ type, properties }: TemplateResource): string | undefined {
  return type === 'AWS::RDS::DBProxyTargetGroup'
    ? undefined
    : names.map((property) => properties[property]).find((value) => typeof value === 'string');
}

/**
 * Names that several resources can have: a family has many task definitions, and each hosted zone has its own records.
 */
const sharedNames: ReadonlySet<string> = new Set([
  'AWS::ECS::TaskDefinition',
  'AWS::Route53::RecordSet',
]);

/** What changes a resource's name; most are named after the proxy. */
const renamed: Readonly<Record<string, string>> = {
  'AWS::EC2::SecurityGroup': 'give another rds_security_group_name',
  'AWS::IAM::Role': 'give another rds_proxy_role',
  'AWS::RDS::DBProxyEndpoint': 'give it another DBProxyEndpointName',
};

/**
 * CloudFormation creates the new resource before it removes the old one, and AWS does not permit two with the same
 * name.
 */
function impossible(
  { type, name }: Change,
  before: string | undefined,
  fixed: readonly string[],
): Pick<Change, 'impossible'> {
  if (name === undefined || name !== before || sharedNames.has(type)) {
    return {};
  }
  const other =
    renamed[type] ?? 'give another DBProxyName, move the clients there, and destroy this proxy';
  return {
    impossible: `${type} ${name} cannot be replaced under its name, which a change of ${fixed.join(', ')} needs: revert the change, or ${other}`,
  };
}

function changeOf(
  action: Action,
  resource: TemplateResource,
  properties: Change['properties'] = [],
): Change {
  const { id, type } = resource;
  const name = nameOf(resource);
  const clients = effectOnClients(
    type,
    action,
    properties.map((property) => property.name),
  );
  return {
    action,
    id,
    type,
    ...(name === undefined ? {} : { name }),
    properties,
    ...(clients === undefined ? {} : { clients }),
  };
}

/** The properties of a new resource. */
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

/** How many resources each action affects, as in Terraform's summary of a plan. */
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
