import type { Prepared } from '../actions/prepare.ts';
import { InfraError } from '../errors.ts';
import { restoreDrift } from '../drift/restore/restore.ts';
import { compareResources, type Drift } from '../drift/drift.ts';
import { keptResources, resolvedResources, type PhysicalIds } from '../drift/references.ts';
import { found, type DeployedStack } from '../resolve/facts.ts';
import { Template, type TemplateResource } from '../resolve/template.ts';
import { stableJson } from '../values.ts';
import { baseName } from '../resolve/names.ts';
import { partitionOf } from '../resolve/role-wishes.ts';
import { isBuilt, readStack } from '../resolve/deployed.ts';
import { readOutputs, type StackOutputs } from '../synth/outputs.ts';
import { deploymentOf } from './apply.ts';
import type { Deployment } from './deployment.ts';
import { changeSetName, deploy } from './deploy.ts';
import { Progress } from './progress.ts';
import { rolledBack } from './rolled-back.ts';
import { within } from './within.ts';

/** The result of an adoption. */
export interface Adopted {
  readonly adopted: string;
  readonly outputs: StackOutputs;
}

/**
 * Adopts a proxy in place: CloudFormation imports the proxy, its endpoints and its log group, which have custom names.
 * It cannot import the target group, so `apply` maintains that through the RDS API from then on. Settings that differ
 * from the inputs are changed afterwards. The endpoint stays, and no client is disconnected.
 * @throws InfraError NOT_DEPLOYED if there is no such proxy, INPUTS_INVALID if the stack exists already
 */
export async function adopt(
  prepared: Prepared,
  {
    write,
    approve,
  }: { readonly write: (line: string) => void; readonly approve: () => Promise<void> },
): Promise<Adopted> {
  const { inputs, facts, clients, deployed } = prepared;
  const name = baseName(inputs);
  const proxy = found(facts.proxies)?.find((one) => one.name === name);
  if (inputs.engine !== 'rds-proxy' || proxy === undefined) {
    throw new InfraError(
      'NOT_DEPLOYED',
      `there is no RDS proxy ${name} in ${inputs.aws_region} to adopt; set DBProxyName to its name`,
    );
  }
  if (deployed !== undefined && isBuilt(deployed.status)) {
    throw new InfraError(
      'INPUTS_INVALID',
      `the stack ${deployed.name} already exists (${deployed.status}); set another StackName to adopt ${name} into`,
    );
  }
  const deployment = deploymentOf(prepared);
  const differences = await compareResources(clients, namedResources(deployment));
  write(`adopt imports the proxy ${name} (${proxy.status}) into the stack ${deployment.stack}`);
  write(`  the endpoint stays ${proxy.endpoint}; nobody is disconnected`);
  write(
    differences.drift.length === 0
      ? '  every setting already matches the inputs'
      : '  these settings are different now, and are changed to what the inputs say:',
  );
  differences.drift.map(differenceLine).forEach(write);
  differences.unread.forEach(write);
  write('  afterwards remove it from the other tool: terraform state rm ADDRESS (never destroy)');
  await approve();
  const progress = new Progress(write);
  const changeSet = changeSetName();
  try {
    await within(
      deployment.timeouts.deployment,
      deployment.stack,
      deploy({
        region: deployment.region,
        roleArn: deployment.roleArn,
        credentials: clients.credentials,
        onEvent: progress.event.bind(progress),
        assembly: deployment.from.assembly,
        method: { method: 'change-set', changeSetName: changeSet, importExistingResources: true },
      }),
    );
  } catch (error) {
    if (error instanceof InfraError && error.code === 'TIMED_OUT') {
      throw error;
    }
    throw await rolledBack(deployment, {
      cause: error,
      changeSet,
      created: true,
      began: progress.began,
      failures: progress.failures,
      unhealthy: [],
    });
  } finally {
    progress.end();
  }
  const stack = await readStack(clients, deployment.stack);
  if (stack === undefined) {
    throw new InfraError('APPLY_FAILED', `${deployment.stack} is not there after the import`);
  }
  await restoreDrift({ clients, stack, note: write });
  return { adopted: name, outputs: readOutputs(stack.outputs) };
}

/** Before the import no stack knows the ids of the resources, so they are found by their names in the template. */
function namedResources({ stack, region, account, template }: Deployment): {
  readonly all: readonly TemplateResource[];
  readonly physical: PhysicalIds;
} {
  const names = ['DBProxyEndpointName', 'DBProxyName', 'LogGroupName'];
  const known = new Template(template).resources.flatMap(({ id, type, properties }) => {
    const name = names
      .map((property) => properties[property])
      .find((value) => typeof value === 'string');
    return name === undefined || type === 'AWS::RDS::DBProxyTargetGroup'
      ? []
      : [[id, name] as const];
  });
  const physical = {
    ...Object.fromEntries(known),
    ...Object.fromEntries(keptResources({ template }).map(({ id }) => [id, id])),
  };
  const future: DeployedStack = {
    id: `arn:${partitionOf(region)}:cloudformation:${region}:${account}:stack/${stack}/new`,
    name: stack,
    status: 'REVIEW_IN_PROGRESS',
    outputs: {},
    tags: {},
    template,
  };
  const all = resolvedResources(future, physical);
  // A resource that is created with the import, an SSM parameter for example, cannot have drifted.
  return { all: all.filter(({ id }) => id in physical), physical };
}

function differenceLine({ type, property, applied, live }: Drift): string {
  const text = (value: unknown): string => (value === undefined ? 'not set' : stableJson(value));
  return property === ''
    ? `    ${type} is created`
    : `    ${type} ${property}: ${text(live)} -> ${text(applied)}`;
}
