import { createClients, destroyClients, type Clients } from '../aws/clients.ts';
import { explainFailure } from '../aws/failure.ts';
import { InfraError } from '../errors.ts';
import { readInputs } from '../inputs/read.ts';
import type { Inputs } from '../inputs/table.ts';
import { isBuilt, readStack } from '../resolve/deployed.ts';
import type { DeployedStack } from '../resolve/facts.ts';
import { readCaller } from '../resolve/identity.ts';
import { stackName } from '../resolve/names.ts';
import type { Request } from './request.ts';

/** What a command that only concerns deployed resources works with. */
export interface DeployedWork {
  readonly inputs: Inputs;
  readonly clients: Clients;
  readonly stack: DeployedStack;
}

/**
 * Reads the inputs and the stack that belongs to them, and runs the work on it.
 * @param remains whether the work accepts a stack that was never created completely: one in review, or the remains of a
 *   failed creation
 * @throws InfraError NOT_DEPLOYED if there is no stack, INPUTS_INVALID for another account
 */
export async function withDeployed<T>(
  request: Request,
  work: (deployed: DeployedWork) => Promise<T>,
  remains = false,
): Promise<T> {
  const { inputs } = await readInputs(request.sources);
  const region = inputs.aws_region;
  const clients = createClients({
    region,
    profile: inputs.AwsProfile,
    role: inputs.AssumeRoleArn,
  });
  try {
    const caller = await readCaller(clients).catch((error: unknown) => {
      throw explainFailure(error, 'sts:GetCallerIdentity', region);
    });
    if (caller.account !== inputs.aws_account_id) {
      throw new InfraError(
        'INPUTS_INVALID',
        `the credentials belong to account ${caller.account} (${caller.arn}), aws_account_id is ${inputs.aws_account_id}`,
      );
    }
    const stack = await readStack(clients, stackName(inputs)).catch((error: unknown) => {
      throw explainFailure(error, 'cloudformation:DescribeStacks', region);
    });
    if (stack === undefined || (!remains && !isBuilt(stack.status))) {
      throw new InfraError(
        'NOT_DEPLOYED',
        `there is no stack ${stackName(inputs)} in ${region}: nothing is deployed for these inputs`,
      );
    }
    return await work({ inputs, clients, stack });
  } finally {
    destroyClients(clients);
  }
}
