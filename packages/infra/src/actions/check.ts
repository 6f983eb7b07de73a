import { createClients, destroyClients } from '../aws/clients.ts';
import { readInputs, type ReadInputs } from '../inputs/read.ts';
import type { Finding } from '../preflight/check.ts';
import { preflight } from '../preflight/run.ts';
import { readFacts } from '../resolve/read-facts.ts';
import type { Request } from './request.ts';

/**
 * The checks that decide whether Sluice itself may create the name and the stack. They do not apply if another tool
 * creates them.
 */
const ownStack = new Set(['PF14', 'PF16', 'PF19', 'PF20']);

/** The result of a check without a plan. */
export interface Checked extends Pick<ReadInputs, 'origins' | 'warnings'> {
  readonly checks: readonly Finding[];
}

/**
 * Reads inputs and AWS, and runs the preflight checks. Needs no template and no stack: another tool may create what is
 * checked.
 */
export async function preflightOnly(
  request: Request,
  options: { readonly deep: boolean },
): Promise<Checked> {
  const { inputs, origins, warnings } = await readInputs(request.sources);
  const clients = createClients({
    region: inputs.aws_region,
    profile: inputs.AwsProfile,
    role: inputs.AssumeRoleArn,
  });
  try {
    const facts = await readFacts(inputs, clients, options);
    const checks = preflight({ inputs, facts }).filter(({ code }) => !ownStack.has(code));
    return { checks, origins, warnings };
  } finally {
    destroyClients(clients);
  }
}
