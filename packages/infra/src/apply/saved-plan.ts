import { chmod, readFile, writeFile } from 'node:fs/promises';
import { DescribeChangeSetCommand } from '@aws-sdk/client-cloudformation';
import type { Clients } from '../aws/clients.ts';
import { failureKind } from '../aws/failure.ts';
import { InfraError, messageOf } from '../errors.ts';
import type { DeployedStack } from '../resolve/facts.ts';
import { isRecord } from '../values.ts';
import type { Deployment } from './deployment.ts';
import { changeSetName, deploy, keepProtection } from './deploy.ts';

/** What a plan leaves on disk; the change set itself waits in AWS. */
export interface SavedPlan extends Omit<Deployment, 'clients' | 'from' | 'planned'> {
  readonly version: 1;
  readonly changeSet: string;
  readonly created: string;
}

/** Creates a change set that waits for `apply FILE`, and writes the file. */
export async function savePlan(
  file: string,
  deployment: Deployment & { readonly from: { readonly assembly: string } },
  deployed: DeployedStack | undefined,
): Promise<SavedPlan> {
  const created = new Date();
  await checkWritable(file);
  const changeSet = changeSetName();
  await keepProtection(deployment.from.assembly, deployed?.protected ?? false);
  await deploy({
    region: deployment.region,
    roleArn: deployment.roleArn,
    credentials: deployment.clients.credentials,
    onEvent: () => undefined,
    assembly: deployment.from.assembly,
    method: { method: 'change-set', execute: false, changeSetName: changeSet },
  });
  const { clients: _clients, from: _from, planned: _planned, ...rest } = deployment;
  const saved: SavedPlan = { version: 1, changeSet, created: created.toISOString(), ...rest };
  await writeFile(file, `${JSON.stringify(saved, undefined, 2)}\n`, ownOnly);
  return saved;
}

/** The template may contain text that only the owner should read, an InitQuery for example. */
const ownOnly = { mode: 0o600 };

/** A change set whose name nobody knows would wait forever, so the file comes first. */
async function checkWritable(file: string): Promise<void> {
  try {
    await writeFile(file, '', ownOnly);
    // A file that existed before would otherwise keep its mode.
    await chmod(file, ownOnly.mode);
  } catch (error) {
    throw new InfraError(
      'INPUTS_UNREADABLE',
      `the plan cannot be saved to ${file}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Reads a saved plan. @throws InfraError INPUTS_UNREADABLE if the file is not one */
export async function readSavedPlan(file: string): Promise<SavedPlan> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new InfraError(
      'INPUTS_UNREADABLE',
      `cannot read the saved plan ${file}: ${messageOf(error)}`,
      { cause: error },
    );
  }
  if (!isSavedPlan(value)) {
    throw new InfraError(
      'INPUTS_UNREADABLE',
      `${file} is not a saved plan; make one with sluice aws plan --save ${file}`,
    );
  }
  return value;
}

function isSavedPlan(value: unknown): value is SavedPlan {
  const texts = ['stack', 'proxy', 'engine', 'account', 'region', 'changeSet'];
  return (
    isRecord(value) &&
    value['version'] === 1 &&
    texts.every((name) => typeof value[name] === 'string') &&
    isRecord(value['template']) &&
    isRecord(value['settings']) &&
    isRecord(value['timeouts'])
  );
}

/** Whether the change set can still be run: not after another deployment. @throws InfraError PLAN_STALE */
export async function checkSavedPlan(clients: Clients, saved: SavedPlan): Promise<void> {
  const again = 'plan again and review what has changed';
  try {
    const change = await clients.cloudFormation.send(
      new DescribeChangeSetCommand({ StackName: saved.stack, ChangeSetName: saved.changeSet }),
    );
    const status = change.ExecutionStatus ?? 'AVAILABLE';
    if (status !== 'AVAILABLE') {
      throw new InfraError(
        'PLAN_STALE',
        `the saved plan of ${saved.created} cannot be applied: its change set is ${status}; ${again}`,
      );
    }
  } catch (error) {
    if (failureKind(error) !== 'missing') {
      throw error;
    }
    throw new InfraError(
      'PLAN_STALE',
      `the change set ${saved.changeSet} of the saved plan is gone; ${again}`,
      { cause: error },
    );
  }
}
