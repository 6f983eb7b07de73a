import { PutRetentionPolicyCommand } from '@aws-sdk/client-cloudwatch-logs';
import type { Design } from '../actions/design.ts';
import type { Prepared } from '../actions/prepare.ts';
import { InfraError, messageOf } from '../errors.ts';
import type { Inputs } from '../inputs/table.ts';
import type { Drift } from '../drift/drift.ts';
import { restoreDrift } from '../drift/restore/restore.ts';
import { wantedSettings } from '../model/stack-settings.ts';
import { changesBetween, type Change } from '../plan/changes.ts';
import { stackChanges } from '../plan/stack-change.ts';
import { isBuilt, readStack } from '../resolve/deployed.ts';
import type { DeployedStack } from '../resolve/facts.ts';
import { proxyLogGroup, serviceLogGroup } from '../resolve/names.ts';
import { violations } from '../security/report.ts';
import { readOutputs, type StackOutputs } from '../synth/outputs.ts';
import { record, stableJson } from '../values.ts';
import { busyError, lostRace } from './busy.ts';
import { timeoutsOf, type Deployment } from './deployment.ts';
import { changeSetName, deploy, execute } from './deploy.ts';
import { HealthWatch } from './health-watch.ts';
import { Progress } from './progress.ts';
import { rolledBack } from './rolled-back.ts';
import { healthText } from './target-health.ts';
import { targetReader } from './target-reader.ts';
import { within } from './within.ts';

/** How often the health of the targets is read, in milliseconds. */
export const healthInterval = 5000;

/** The result of an apply. */
export interface Applied {
  readonly changed: boolean;
  /** Drift that was reverted. */
  readonly restored: readonly Drift[];
  readonly outputs: StackOutputs;
}

/** The deployment of the prepared design. @throws InfraError if a check or a rule forbids it */
export function deploymentOf(
  prepared: Prepared,
): Deployment & { readonly from: { readonly assembly: string } } {
  const { inputs, design, clients, checks } = prepared;
  const failed = checks.filter((check) => check.status === 'failed');
  if (design === undefined || failed.length > 0 || prepared.obstacles.length > 0) {
    throw new InfraError('PREFLIGHT_FAILED', [
      ...failed.map(
        ({ code, title, found, fix }) => `${code} ${title}: ${found}; fix: ${fix ?? ''}`,
      ),
      ...prepared.obstacles,
    ]);
  }
  const broken = violations(design.security);
  if (broken.length > 0) {
    throw new InfraError(
      'SECURITY_VIOLATION',
      broken.map(
        ({ rule, resource, detail }) =>
          `${rule} ${resource}: ${detail}; fix it, or acknowledge it in the inputs: Acknowledge = { "${rule}" = "why" }`,
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
    profile: inputs.AwsProfile,
    assumedRole: inputs.AssumeRoleArn,
    template: design.synthesized.template,
    settings: wantedSettings(inputs),
    timeouts: timeoutsOf(inputs),
    tls: inputs.RequireTLS,
    ...(inputs.CloudFormationRoleArn === undefined
      ? {}
      : { roleArn: inputs.CloudFormationRoleArn }),
    ...(design.resolved.log_group_exists ? { keptLogGroup: keptLogGroup(inputs, design) } : {}),
    ...(prepared.deployed === undefined || !isBuilt(prepared.deployed.status)
      ? {}
      : { planned: prepared.deployed.template }),
    from: { assembly: design.synthesized.assembly.directory },
  };
}

function keptLogGroup(inputs: Inputs, { model }: Design): NonNullable<Deployment['keptLogGroup']> {
  const named = inputs.engine === 'sluice' ? serviceLogGroup : proxyLogGroup;
  return { name: named(model.proxyName), days: inputs.LogRetentionInDays };
}

/**
 * Deploys, shows progress, and reverts drift. CloudFormation rolls a failure back; the failure is reported, and the
 * remains of a failed creation are removed.
 * @param write receives one line of text at a time
 * @throws InfraError STACK_BUSY if another deployment has happened since the plan, or is running
 */
export async function apply(
  deployment: Deployment,
  write: (line: string) => void,
): Promise<Applied> {
  const { clients, stack } = deployment;
  const before = await readStack(clients, stack);
  const built = before !== undefined && isBuilt(before.status) ? before : undefined;
  refuseAfterAnother(deployment, built);
  const changes = [
    ...(await changesBetween(built?.template ?? {}, deployment.template)),
    ...stackChanges(built, deployment.settings),
  ];
  const progress = new Progress(write);
  const note = (line: string): void => progress.note(line);
  try {
    const restored: Drift[] = [];
    if (built !== undefined) {
      // CloudFormation cannot change a missing resource; one that is to be removed may stay missing.
      const kept = new Set(Object.keys(record(deployment.template['Resources'])));
      const only = (drift: Drift): boolean => drift.property === '' && kept.has(drift.resource);
      restored.push(...(await restoreDrift({ clients, stack: built, only, note })));
    }
    if (changes.length > 0 || built === undefined) {
      await change(deployment, { progress, changes, created: built === undefined });
    }
    const after = await readStack(clients, stack);
    if (after !== undefined && built !== undefined) {
      restored.push(...(await restoreDrift({ clients, stack: after, note })));
    }
    const outputs = readOutputs(after?.outputs ?? {});
    if (outputs.rds_proxy_endpoint === '') {
      throw new InfraError(
        'APPLY_FAILED',
        `${stack} has no endpoint after the apply (its status is ${after?.status ?? 'gone'}); see its events in CloudFormation, and run sluice aws apply again`,
      );
    }
    return { changed: changes.length > 0 || built === undefined, restored, outputs };
  } finally {
    progress.end();
  }
}

/**
 * A plan describes changes to what was deployed when it was made. On anything else it would do what nobody has
 * reviewed.
 */
function refuseAfterAnother(
  { stack, from, planned }: Deployment,
  now: DeployedStack | undefined,
): void {
  // CloudFormation itself refuses a waiting change set when the stack has changed since.
  if ('assembly' in from && stableJson(now?.template) !== stableJson(planned)) {
    throw busyError(stack, 'somebody else has deployed since the plan was made');
  }
}

async function change(
  deployment: Deployment,
  {
    progress,
    changes,
    created,
  }: {
    readonly progress: Progress;
    readonly changes: readonly Change[];
    readonly created: boolean;
  },
): Promise<void> {
  progress.begin(changes);
  // A unique name: the toolkit removes a change set with the same name, which may belong to another deployment.
  const changeSet = changeSetName();
  const watch = new HealthWatch({
    read: targetReader(deployment),
    note: (line) => progress.note(line),
    interval: healthInterval,
  });
  try {
    const { deployment: most, target } = deployment.timeouts;
    await within(most, deployment.stack, start(deployment, progress, changeSet));
    // A change of a secret or a rule affects the targets only after CloudFormation has finished.
    for (const health of await watch.settled(target * 1000)) {
      progress.note(`still not available: ${healthText(health)}`);
    }
  } catch (error) {
    if (error instanceof InfraError && error.code === 'TIMED_OUT') {
      throw error;
    }
    throw lostRace(error) && progress.failures.length === 0
      ? busyError(deployment.stack, 'another deployment came first', error)
      : await rolledBack(deployment, {
          cause: error,
          changeSet,
          created,
          began: progress.began,
          failures: progress.failures,
          unhealthy: watch.unhealthy(),
        });
  } finally {
    await watch.stop();
  }
}

async function start(deployment: Deployment, progress: Progress, name: string): Promise<void> {
  const { region, stack, account, from, template, settings, roleArn } = deployment;
  const job = {
    region,
    roleArn,
    credentials: deployment.clients.credentials,
    onEvent: progress.event.bind(progress),
  };
  await ('assembly' in from
    ? deploy({
        ...job,
        assembly: from.assembly,
        method: { method: 'change-set', changeSetName: name },
      })
    : execute({ ...job, stack, account }, from.changeSet, { template, settings }));
}

/**
 * Sets the retention of a log group outside the stack. Returns a sentence for the user if there is something to report.
 */
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
