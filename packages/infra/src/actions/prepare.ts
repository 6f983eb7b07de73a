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

/** Everything up to the decision what to do: inputs, facts, verdicts and, when they allow it, the template. */
export interface Prepared {
  readonly inputs: Inputs;
  readonly origins: ReadInputs['origins'];
  readonly warnings: readonly string[];
  readonly clients: Clients;
  readonly facts: Facts;
  readonly checks: readonly Finding[];
  readonly deployed: DeployedStack | undefined;
  /** Absent while too little was found to make a template. */
  readonly design?: Design;
  /** Why there is no design although every check passed: an id that could not be read, a budget that does not fit. */
  readonly obstacles: readonly string[];
  /** The engine that is deployed, when another one would be used only because none was given. */
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
  // CDK takes longer to load than AWS to answer; it is loaded while the answers are on their way.
  const [facts, { designOf }] = await Promise.all([
    readFacts(inputs, clients, { deep: options.deep }),
    import('./design.ts'),
  ]);
  // Whom a proxy of that name belongs to is the very question of taking it over.
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
  // A log group that is there is imported with its proxy.
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
              `engine is not given, and ${design.model.stackName} is deployed with engine ${otherEngine}: add engine = "${otherEngine}" to keep it, or engine = "${inputs.engine}" to move to the other one`,
            ],
    };
  } catch (error) {
    if (error instanceof InfraError) {
      return { ...base, obstacles: error.problems };
    }
    throw error;
  }
}

/** A default is no decision to take down what is deployed. */
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

/** What a template cannot be made without, and could not be read: the checks that need it were skipped. */
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
