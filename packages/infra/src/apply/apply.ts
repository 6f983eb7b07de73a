import { PutRetentionPolicyCommand } from '@aws-sdk/client-cloudwatch-logs';
import type { Design } from '../actions/design.ts';
import type { Prepared } from '../actions/prepare.ts';
import type { Clients } from '../aws/clients.ts';
import { InfraError, messageOf } from '../errors.ts';
import type { Inputs } from '../inputs/table.ts';
import { changesBetween } from '../plan/changes.ts';
import { isBuilt, readStack } from '../resolve/deployed.ts';
import { proxyLogGroup, serviceLogGroup } from '../resolve/names.ts';
import { violations } from '../security/report.ts';
import { readOutputs, type StackOutputs } from '../synth/outputs.ts';
import { deploy, execute } from './deploy.ts';
import { HealthWatch } from './health-watch.ts';
import { Progress } from './progress.ts';
import { rolledBack } from './rolled-back.ts';
import { healthText } from './target-health.ts';
import { targetReader } from './target-reader.ts';

/** How often target health is looked at, in milliseconds. */
export const healthInterval = 5000;

/** How long an apply waits for targets after CloudFormation is done, in milliseconds: a change of a secret or a rule shows only then. */
const patience = 60_000;

/** What a deployment needs to know, whether it comes from inputs or from a saved plan. */
export interface Deployment {
  readonly stack: string;
  readonly proxy: string;
  readonly engine: Inputs['engine'];
  readonly account: string;
  readonly region: string;
  readonly clients: Clients;
  /** The template that CloudFormation will have, to know what is touched. */
  readonly template: Readonly<Record<string, unknown>>;
  /** Whether clients must use TLS. */
  readonly tls: boolean;
  /** A log group that was there before: it stays outside the stack, but gets the retention that was asked for. */
  readonly keptLogGroup?: { readonly name: string; readonly days: number };
  /** The folder of a fresh assembly, or the name of a change set that waits. */
  readonly from: { readonly assembly: string } | { readonly changeSet: string };
}

/** What an apply came to. */
export interface Applied {
  readonly changed: boolean;
  readonly outputs: StackOutputs;
}

/** The deployment that the prepared design stands for. @throws InfraError when a check or a rule stands in the way */
export function deploymentOf(
  prepared: Prepared,
): Deployment & { readonly from: { readonly assembly: string } } {
  const { inputs, design, clients, checks } = prepared;
  const failed = checks.filter((check) => check.status === 'failed');
  if (design === undefined || failed.length > 0) {
    throw new InfraError('PREFLIGHT_FAILED', [
      ...failed.map(
        ({ code, title, found, mend }) => `${code} ${title}: ${found}; mend: ${mend ?? ''}`,
      ),
      ...prepared.obstacles,
    ]);
  }
  const broken = violations(design.security);
  if (broken.length > 0) {
    throw new InfraError(
      'SECURITY_VIOLATION',
      broken.map(
        ({ rule, resource, told }) =>
          `${rule} ${resource}: ${told}; mend it, or acknowledge it in the inputs: Acknowledge = { "${rule}" = "why" }`,
      ),
    );
  }
  return {
    stack: design.model.stackName,
    proxy: design.model.proxyName,
    engine: inputs.engine,
    account: inputs.aws_account_id,
    region: inputs.aws_region,
    clients,
    template: design.synthesized.template,
    tls: inputs.RequireTLS,
    ...(design.resolved.log_group_exists ? { keptLogGroup: keptLogGroup(inputs, design) } : {}),
    from: { assembly: design.synthesized.assembly.directory },
  };
}

function keptLogGroup(inputs: Inputs, { model }: Design): NonNullable<Deployment['keptLogGroup']> {
  const named = inputs.engine === 'sluice' ? serviceLogGroup : proxyLogGroup;
  return { name: named(model.proxyName), days: inputs.LogRetentionInDays };
}

/**
 * Deploys, with progress; a failure is rolled back by CloudFormation, told, and what a failed creation leaves is removed.
 * @param write takes one line for people at a time
 */
export async function apply(
  deployment: Deployment,
  write: (line: string) => void,
): Promise<Applied> {
  const { clients, stack } = deployment;
  const before = await readStack(clients, stack);
  const changes = await changesBetween(before?.template ?? {}, deployment.template);
  if (changes.length === 0 && before !== undefined && isBuilt(before.status)) {
    return { changed: false, outputs: readOutputs(before.outputs) };
  }
  const progress = new Progress(write);
  progress.begin(changes);
  const watch = new HealthWatch({
    read: targetReader(deployment),
    tell: (line) => progress.note(line),
    interval: healthInterval,
  });
  try {
    await start(deployment, progress);
    for (const health of await watch.settled(patience)) {
      progress.note(`still not available: ${healthText(health)}`);
    }
  } catch (error) {
    throw await rolledBack(deployment, {
      cause: error,
      created: before === undefined || !isBuilt(before.status),
      began: progress.began,
      failures: progress.failures,
      unhealthy: watch.unhealthy(),
    });
  } finally {
    await watch.stop();
    progress.end();
  }
  const after = await readStack(clients, stack);
  return { changed: true, outputs: readOutputs(after?.outputs ?? {}) };
}

async function start(deployment: Deployment, progress: Progress): Promise<void> {
  const { region, stack, account, from, template } = deployment;
  const onEvent = progress.event.bind(progress);
  await ('assembly' in from
    ? deploy({ region, onEvent, assembly: from.assembly, method: { method: 'change-set' } })
    : execute({ region, onEvent, stack, account }, from.changeSet, template));
}

/** Sets the retention of a log group that stays outside the stack; a sentence for people, when there is one. */
export async function keepRetention({
  clients,
  keptLogGroup: group,
}: Deployment): Promise<string | undefined> {
  if (group === undefined) {
    return undefined;
  }
  try {
    await clients.logs.send(
      new PutRetentionPolicyCommand({ logGroupName: group.name, retentionInDays: group.days }),
    );
    return `${group.name} keeps its logs for ${group.days} days`;
  } catch (error) {
    return `the retention of ${group.name} could not be set: ${messageOf(error)}`;
  }
}
