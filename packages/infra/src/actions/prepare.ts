import { createClients, type Clients } from '../aws/clients.ts';
import { InfraError } from '../errors.ts';
import { readInputs, type ReadInputs } from '../inputs/read.ts';
import type { Inputs } from '../inputs/table.ts';
import { settleIdentity } from '../model/identity.ts';
import { makeModel, type Model } from '../model/model.ts';
import type { Finding } from '../preflight/check.ts';
import { preflight } from '../preflight/run.ts';
import { found, type DeployedStack, type Facts } from '../resolve/facts.ts';
import { baseName, proxyLogGroup, serviceLogGroup } from '../resolve/names.ts';
import { readFacts } from '../resolve/read-facts.ts';
import { resolve, type Resolved } from '../resolve/resolved.ts';
import { Template } from '../resolve/template.ts';
import { checkSecurity } from '../security/check.ts';
import type { SecurityReport } from '../security/report.ts';
import { synthesize, type Synthesized } from '../synth/synth.ts';
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

/** A template, with what it came from and what the rules say of it. */
export interface Design {
  readonly model: Model;
  readonly resolved: Resolved;
  readonly synthesized: Synthesized;
  readonly security: SecurityReport;
  readonly notes: readonly string[];
}

/** Reads inputs and AWS, runs the checks, and synthesizes. Changes nothing. */
export async function prepare(request: Request, options: PlanOptions): Promise<Prepared> {
  const { inputs, origins } = await readInputs(request.sources);
  const clients = createClients({
    region: inputs.aws_region,
    ...(request.endpoint === undefined ? {} : { endpoint: request.endpoint }),
  });
  const facts = await readFacts(inputs, clients, { deep: options.deep });
  const checks = preflight({ inputs, facts });
  const deployed = found(facts.stack);
  const base = { inputs, origins, clients, facts, checks, deployed };
  const resolved = resolve(inputs, facts, logGroupOf(inputs, deployed));
  if (resolved === undefined || checks.some((check) => check.status === 'failed')) {
    return { ...base, obstacles: [] };
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

/** From inputs and ids to a template with its security report. Pure but for the assembly that CDK writes to a folder. */
export function designOf(
  inputs: Inputs,
  resolved: Resolved,
  deployed: Readonly<Record<string, unknown>> | undefined,
  replace: boolean,
): Design {
  const identity = settleIdentity(inputs, resolved, deployed, replace);
  const model = makeModel(inputs, resolved, identity);
  const synthesized = synthesize(model);
  const security = checkSecurity(synthesized.app, synthesized.template, model);
  return { model, resolved, synthesized, security, notes: identity.notes };
}

function logGroupOf(inputs: Inputs, deployed: DeployedStack | undefined): string {
  return inputs.engine === 'sluice'
    ? serviceLogGroup(baseName(inputs))
    : proxyLogGroup(new Template(deployed?.template).proxyName() ?? baseName(inputs));
}
