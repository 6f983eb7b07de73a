import { DeleteLogGroupCommand } from '@aws-sdk/client-cloudwatch-logs';
import { withDeployed, type DeployedWork } from '../actions/deployed.ts';
import { busyError } from '../apply/busy.ts';
import { remove } from '../apply/deploy.ts';
import { Progress } from '../apply/progress.ts';
import { isBusy, settle } from '../apply/settle.ts';
import { within } from '../apply/within.ts';
import { InfraError, messageOf } from '../errors.ts';
import { changesBetween } from '../plan/changes.ts';
import { readLogGroups, readStack } from '../resolve/deployed.ts';
import { baseName, proxyLogGroup, serviceLogGroup } from '../resolve/names.ts';
import { Template } from '../resolve/template.ts';
import { record } from '../values.ts';
import { counted } from '../text/counted.ts';
import { refuseWhileConnected, typedName } from './approve.ts';
import { eachProxy } from './each-proxy.ts';
import { flag, requestOf, writeJson, type CommandLine } from './command-line.ts';
import { canAsk } from './questions.ts';
import { interruptible } from './interruptible.ts';

/**
 * `sluice aws destroy`: removes what apply has created, and nothing that existed before.
 * @returns 0, also if there was nothing to remove; 1 if it was refused or failed in the middle
 */
export async function runDestroy(line: CommandLine): Promise<number> {
  return eachProxy(one)(line);
}

async function one(line: CommandLine): Promise<number> {
  return interruptible(line, async () => {
    const removed = await withDeployed(
      requestOf(line),
      (deployed) => destroy(line, deployed),
      true,
    ).catch((error: unknown) => {
      // A repeated destroy has nothing left to do, which is the requested state.
      if (error instanceof InfraError && error.code === 'NOT_DEPLOYED') {
        return undefined;
      }
      throw error;
    });
    if (flag(line, 'json')) {
      writeJson(line, { version: 1, removed: removed ?? [] });
    } else if (removed === undefined) {
      line.stdout.write('nothing is deployed for these inputs: nothing was removed\n');
    } else {
      line.stdout.write(
        removed.length === 0
          ? 'removed the stack; nothing else was changed\n'
          : `removed ${counted(removed.length, 'resource')}; nothing else was changed\n`,
      );
    }
    return 0;
  });
}

async function destroy(line: CommandLine, deployed: DeployedWork): Promise<string[]> {
  const { inputs, clients, stack } = deployed;
  const write = (text: string): void => {
    line.stderr.write(`${text}\n`);
  };
  const name = new Template(stack.template).proxyName() ?? baseName(inputs);
  const changes = await changesBetween(stack.template, {});
  const removed = changes
    .filter((change) => change.type !== 'AWS::Logs::LogGroup' && !isRetained(stack.template))
    .map((change) => `${change.type} ${change.id}`);
  const retained = isRetained(stack.template);
  write(
    retained
      ? `destroy deletes only the stack of ${name}: every resource stays (DeletionPolicy Retain), and terraform import can take it over again`
      : `destroy removes ${name} and everything that belongs to it:`,
  );
  const progress = new Progress(write);
  progress.begin(retained ? [] : changes.filter((change) => change.type !== 'AWS::Logs::LogGroup'));
  const logs = await logGroupsOf(deployed, name);
  for (const group of logs) {
    write(
      flag(line, 'deleteLogs')
        ? `  remove  the log group ${group} AND ITS LOGS`
        : `  keeps   the log group ${group} and its logs (--delete-logs removes them)`,
    );
  }
  write(
    `  keeps   the database ${inputs.rds_instance_id}, and every role, secret, group and subnet that the inputs name`,
  );
  try {
    if (isBusy(stack) && !flag(line, 'wait')) {
      throw busyError(
        stack.name,
        `another deployment is in progress (${stack.status}); use --wait to wait for it`,
      );
    }
    if (stack.protected === true) {
      throw new InfraError(
        'DESTROY_REFUSED',
        `${stack.name} is protected (TerminationProtection); apply with TerminationProtection = false first`,
      );
    }
    const without = `destroy needs the name of the proxy: use --confirm ${name}`;
    if (line.options['confirm'] === undefined && !canAsk(line)) {
      throw new InfraError('DESTROY_REFUSED', without);
    }
    if (new Template(stack.template).engine() !== undefined && !retained) {
      await refuseWhileConnected(line, { clients, deployed: stack, code: 'DESTROY_REFUSED' });
    }
    await typedName(line, {
      name,
      code: 'DESTROY_REFUSED',
      question: `type ${name} to remove it: `,
      without,
    });
    const { DeploymentTimeout: most } = inputs;
    await within(most, stack.name, settle(clients, stack.name, write));
    await within(
      most,
      stack.name,
      remove({
        stack: stack.name,
        account: inputs.aws_account_id,
        region: inputs.aws_region,
        roleArn: inputs.CloudFormationRoleArn,
        credentials: clients.credentials,
        onEvent: progress.event.bind(progress),
      }),
    );
  } catch (error) {
    if (error instanceof InfraError) {
      throw error;
    }
    if ((await readStack(clients, stack.name).catch(() => stack)) === undefined) {
      // It disappeared between two reads of the toolkit.
      return removed;
    }
    const [first] = progress.failures;
    throw new InfraError(
      'DESTROY_FAILED',
      `the removal of ${stack.name} failed${first === undefined ? `: ${messageOf(error)}` : ` at ${first.type} ${first.id}: ${first.reason}`}; fix that and run sluice aws destroy again`,
      { cause: error },
    );
  } finally {
    progress.end();
  }
  const left = await readStack(clients, stack.name).catch(() => undefined);
  if (left !== undefined) {
    throw new InfraError(
      'DESTROY_FAILED',
      `${stack.name} still exists (${left.status}: ${left.reason ?? 'no reason given'}); run sluice aws destroy again`,
    );
  }
  if (flag(line, 'deleteLogs')) {
    for (const logGroupName of logs) {
      await clients.logs.send(new DeleteLogGroupCommand({ logGroupName }));
      removed.push(`AWS::Logs::LogGroup ${logGroupName}`);
    }
  }
  return removed;
}

/** Whether a stack keeps its resources when it is deleted: an adopted proxy, or RetainOnDelete. */
function isRetained(template: Readonly<Record<string, unknown>>): boolean {
  const resources = Object.values(record(template['Resources'])).map(record);
  return (
    resources.length > 0 && resources.every((resource) => resource['DeletionPolicy'] === 'Retain')
  );
}

/** The existing log groups of the proxy, in the stack or outside it. */
async function logGroupsOf({ clients }: DeployedWork, name: string): Promise<string[]> {
  const names = [proxyLogGroup(name), serviceLogGroup(name)];
  const found = await Promise.all(names.map(async (one) => readLogGroups(clients, one)));
  return names.filter((one) => found.flat().some((group) => group.name === one));
}
