import { createClients, type Clients } from '../aws/clients.ts';
import { InfraError } from '../errors.ts';
import { readInputs, type ReadInputs } from '../inputs/read.ts';
import type { Engine } from '../inputs/spec.ts';
import type { Inputs } from '../inputs/table.ts';
import type { Finding } from '../preflight/check.ts';
import { preflight } from '../preflight/run.ts';
import { found, type DeployedStack, type Facts } from '../resolve/facts.ts';
import { baseName, proxyLogGroup, serviceLogGroup } from '../resolve/names.ts';
import { readFacts } from '../resolve/read-facts.ts';
import { resolve } from '../resolve/resolved.ts';
import { Template } from '../resolve/template.ts';
import type { Design } from './design.ts';
import type { PlanOptions, Request } from './request.ts';

/** Everything that is needed to decide what to do: inputs, facts, verdicts and, if they permit, the template. */
export interface Prepared {
  readonly inputs: Inputs;
  readonly origins: ReadInputs['origins'];
  readonly warnings: readonly string[];
  readonly clients: Clients;
  readonly facts: Facts;
  readonly checks: readonly Finding[];
  readonly deployed: DeployedStack | undefined;
  /** Absent if too little is known to create a template. */
  readonly design?: Design;
  /**
   * Why there is no design although every check passed: an id that could not be read, or a budget that does not fit.
   */
  readonly obstacles: readonly string[];
  /** The deployed engine, if the inputs would replace it only because they name none. */
  readonly otherEngine?: Engine;
}

/** Reads inputs and AWS, runs the checks, and synthesizes. Changes nothing. */
export async function prepare(request: Request, options: PlanOptions): Promise<Prepared> {
  const { inputs, origins, warnings } = await readInputs(request.sources);
  const clients = createClients({
    region: inputs.aws_region,
    profile: inputs.AwsProfile,
    role: inputs.AssumeRoleArn,
    ...(request.endpoint === undefined ? {} : { endpoint: request.endpoint }),
  });
  // CDK takes longer to load than AWS takes to answer, so it loads while the answers are on their way.
  const [facts, { designOf }] = await Promise.all([
    readFacts(inputs, clients, { deep: options.deep }),
    import('./design.ts'),
  ]);
  // Adoption does not require that a proxy of that name belongs to this stack.
  const checks = preflight({ inputs, facts }).filter(
    ({ code }) => !(options.adopt === true && (code === 'PF14' || code === 'PF17')),
  );
  const deployed = found(facts.stack);
  const otherEngine = unintendedEngine(inputs, origins, deployed);
  const base = {
    inputs,
    origins,
    warnings,
    clients,
    facts,
    checks,
    deployed,
    ...(otherEngine === undefined ? {} : { otherEngine }),
  };
  const looked = resolve(inputs, facts, logGroupOf(inputs, deployed));
  // CloudFormation imports an existing log group together with its proxy.
  const resolved =
    looked !== undefined && options.adopt === true
      ? { ...looked, log_group_exists: false }
      : looked;
  if (checks.some((check) => check.status === 'failed')) {
    return { ...base, obstacles: [] };
  }
  if (resolved === undefined) {
    return { ...base, obstacles: unread(facts) };
  }
  try {
    const design = designOf(
      inputs,
      resolved,
      deployed?.template,
      options.replace,
      options.adopt === true,
    );
    return {
      ...base,
      design,
      obstacles:
        otherEngine === undefined
          ? []
          : [
              `engine is not given, and ${design.model.stackName} is deployed with engine ${otherEngine}: add engine = "${otherEngine}" to keep it, or engine = "${inputs.engine}" to switch to that`,
            ],
    };
  } catch (error) {
    if (error instanceof InfraError) {
      return { ...base, obstacles: error.problems };
    }
    throw error;
  }
}

/** A default must not replace the engine that is deployed. */
function unintendedEngine(
  inputs: Inputs,
  origins: ReadInputs['origins'],
  deployed: DeployedStack | undefined,
): Engine | undefined {
  const now = new Template(deployed?.template).engine();
  return origins['engine'] === undefined && now !== undefined && now !== inputs.engine
    ? now
    : undefined;
}

/** The facts that a template needs and that could not be read: the checks that need them were skipped. */
function unread({ database, subnets, secrets }: Facts): string[] {
  return [database, subnets, ...Object.values(secrets)].flatMap((look) =>
    'found' in look ? [] : [`nothing can be planned without this: ${look.detail}`],
  );
}

function logGroupOf(inputs: Inputs, deployed: DeployedStack | undefined): string {
  return inputs.engine === 'sluice'
    ? serviceLogGroup(baseName(inputs))
    : proxyLogGroup(new Template(deployed?.template).proxyName() ?? baseName(inputs));
}
