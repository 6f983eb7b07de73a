import { createClients, type Clients } from '../aws/clients.ts';
import { InfraError } from '../errors.ts';
import { readInputs, type ReadInputs } from '../inputs/read.ts';
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
  readonly clients: Clients;
  readonly facts: Facts;
  readonly checks: readonly Finding[];
  readonly deployed: DeployedStack | undefined;
  /** Absent while too little was found to make a template. */
  readonly design?: Design;
  /** Why there is no design although every check passed: an id that could not be read, a budget that does not fit. */
  readonly obstacles: readonly string[];
}

/** Reads inputs and AWS, runs the checks, and synthesizes. Changes nothing. */
export async function prepare(request: Request, options: PlanOptions): Promise<Prepared> {
  const { inputs, origins } = await readInputs(request.sources);
  const clients = createClients({
    region: inputs.aws_region,
    ...(request.endpoint === undefined ? {} : { endpoint: request.endpoint }),
  });
  // CDK takes longer to load than AWS to answer; it is loaded while the answers are on their way.
  const [facts, { designOf }] = await Promise.all([
    readFacts(inputs, clients, { deep: options.deep }),
    import('./design.ts'),
  ]);
  const checks = preflight({ inputs, facts });
  const deployed = found(facts.stack);
  const base = { inputs, origins, clients, facts, checks, deployed };
  const resolved = resolve(inputs, facts, logGroupOf(inputs, deployed));
  if (checks.some((check) => check.status === 'failed')) {
    return { ...base, obstacles: [] };
  }
  if (resolved === undefined) {
    return { ...base, obstacles: unread(facts) };
  }
  try {
    const design = designOf(inputs, resolved, deployed?.template, options.replace);
    return { ...base, design, obstacles: [] };
  } catch (error) {
    if (error instanceof InfraError) {
      return { ...base, obstacles: error.problems };
    }
    throw error;
  }
}

/** What a template cannot be made without, and could not be read: the checks that need it were skipped. */
function unread({ database, subnets, secrets }: Facts): string[] {
  return [database, subnets, ...Object.values(secrets)].flatMap((look) =>
    'found' in look ? [] : [`without this nothing can be planned: ${look.told}`],
  );
}

function logGroupOf(inputs: Inputs, deployed: DeployedStack | undefined): string {
  return inputs.engine === 'sluice'
    ? serviceLogGroup(baseName(inputs))
    : proxyLogGroup(new Template(deployed?.template).proxyName() ?? baseName(inputs));
}
