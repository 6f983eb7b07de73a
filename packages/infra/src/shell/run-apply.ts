import { destroyClients, createClients } from '../aws/clients.ts';
import { explainFailure } from '../aws/failure.ts';
import { prepare, type Prepared } from '../actions/prepare.ts';
import {
  apply,
  deploymentOf,
  healthInterval,
  keepRetention,
  type Applied,
} from '../apply/apply.ts';
import type { Deployment } from '../apply/deployment.ts';
import { busyError } from '../apply/busy.ts';
import type { Request } from '../actions/request.ts';
import { changesBetween, type Change } from '../plan/changes.ts';
import { makePlan, type PlannedDrift } from '../plan/plan.ts';
import { stackChanges } from '../plan/stack-change.ts';
import { isBuilt, readStack } from '../resolve/deployed.ts';
import { planText } from '../text/plan-text.ts';
import { styler } from '../text/style.ts';
import { approve } from './approve.ts';
import { ask } from './questions.ts';
import { HealthWatch } from '../apply/health-watch.ts';
import { checkSavedPlan, readSavedPlan } from '../apply/saved-plan.ts';
import { isBusy, settle } from '../apply/settle.ts';
import { targetReader } from '../apply/target-reader.ts';
import { verify } from '../apply/verify.ts';
import { within } from '../apply/within.ts';
import { InfraError } from '../errors.ts';
import { readCaller } from '../resolve/identity.ts';
import { baseName, stackName } from '../resolve/names.ts';
import { Template } from '../resolve/template.ts';
import { outputsText } from '../text/outputs-text.ts';
import { eachProxy } from './each-proxy.ts';
import { flag, requestOf, writeJson, type CommandLine } from './command-line.ts';
import { interruptible } from './interruptible.ts';

/**
 * `sluice aws apply`: shows the plan, asks, and applies it. Plan and progress go to standard error, the outputs to
 * standard output.
 * @returns 0; 1 if it was not approved, failed and was rolled back, or could not start
 */
export async function runApply(line: CommandLine): Promise<number> {
  // A saved plan is for one proxy, whatever proxies the inputs in this folder have.
  return line.arguments.length > 0 ? one(line) : eachProxy(one)(line);
}

async function one(line: CommandLine): Promise<number> {
  return interruptible(line, async () => {
    const [saved] = line.arguments;
    const applied = saved === undefined ? await applyInputs(line) : await applySaved(line, saved);
    if (flag(line, 'json')) {
      const { changed, restored, outputs } = applied;
      writeJson(line, { version: 1, changed, restored, outputs });
    } else {
      line.stdout.write(outputsText(applied.outputs));
    }
    return 0;
  });
}

async function applyInputs(line: CommandLine): Promise<Applied> {
  const write = writer(line);
  const options = { deep: flag(line, 'deep'), replace: flag(line, 'replace') };
  let request = requestOf(line);
  let prepared = await prepare(request, options);
  const again = async (): Promise<void> => {
    destroyClients(prepared.clients);
    prepared = await prepare(request, options);
  };
  try {
    if (isBusy(prepared.deployed)) {
      await takeUp(line, prepared, write);
      await again();
    }
    const engine = await chosenEngine(line, prepared);
    if (engine !== undefined) {
      request = withEngine(request, engine);
      await again();
    }
    const plan = await makePlan(prepared);
    line.stderr.write(planText(plan, styler(line.stderr), { closing: false }));
    const deployment = deploymentOf(prepared);
    refuseImpossible(plan.changes);
    if (plan.verdict !== 'none') {
      await approve(line, {
        clients: prepared.clients,
        deployed: prepared.deployed,
        name: new Template(prepared.deployed?.template).proxyName() ?? baseName(prepared.inputs),
        changes: plan.changes,
        reviewed: false,
      });
    }
    const applied = await applyAndVerify(line, deployment);
    refuseToHide(plan.drift);
    return applied;
  } finally {
    destroyClients(prepared.clients);
  }
}

/** CloudFormation would notice only in the middle, and roll back. */
function refuseImpossible(changes: readonly Change[]): void {
  const impossible = changes.flatMap((change) => change.impossible ?? []);
  if (impossible.length > 0) {
    throw new InfraError('PREFLIGHT_FAILED', impossible);
  }
}

/** Drift that could not be reverted is no success, even if everything else succeeded. */
function refuseToHide(drift: readonly PlannedDrift[]): void {
  const left = drift.filter((one) => one.irreparable !== undefined);
  if (left.length > 0) {
    throw new InfraError(
      'APPLY_FAILED',
      left.map(
        ({ type, resource, property, irreparable }) =>
          `drift remains: ${type} ${resource} ${property === '' ? 'is gone' : property}: ${irreparable}`,
      ),
    );
  }
}

/** A stack with another engine than the default is kept unless the user confirms the change. */
async function chosenEngine(
  line: CommandLine,
  { otherEngine, inputs }: Prepared,
): Promise<string | undefined> {
  return otherEngine === undefined
    ? undefined
    : ask(
        line,
        `engine is not given, and ${otherEngine} is deployed. Which one do you want, ${otherEngine} or ${inputs.engine}? `,
      );
}

function withEngine({ sources, ...rest }: Request, value: string): Request {
  const answer = { name: 'engine', value, flag: 'the answer about engine' };
  return { ...rest, sources: { ...sources, arguments: [...sources.arguments, answer] } };
}

/**
 * With --wait, waits for a running deployment, and watches the targets as the apply that started it did.
 * @throws InfraError STACK_BUSY without --wait: the deployment may be somebody else's
 */
async function takeUp(
  line: CommandLine,
  { inputs, clients, deployed }: Prepared,
  write: Write,
): Promise<void> {
  const stack = stackName(inputs);
  if (!flag(line, 'wait')) {
    throw busyError(
      stack,
      `another deployment is in progress (${deployed?.status}); if it is your own interrupted apply, resume it with --wait`,
    );
  }
  const template = new Template(deployed?.template);
  const watch = new HealthWatch({
    read: targetReader({
      engine: template.engine() ?? inputs.engine,
      proxy: template.proxyName() ?? baseName(inputs),
      clients,
      stack,
    }),
    note: (text) => write(`         ${text}`),
    interval: healthInterval,
  });
  try {
    await within(inputs.DeploymentTimeout, stack, settle(clients, stack, write));
  } finally {
    await watch.stop();
  }
}

async function applySaved(line: CommandLine, file: string): Promise<Applied> {
  if (requestOf(line).sources.arguments.length > 0) {
    throw new InfraError(
      'INPUTS_INVALID',
      `a saved plan contains its inputs; run sluice aws apply ${file} without inputs, or plan again with other ones`,
    );
  }
  const saved = await readSavedPlan(file);
  const { region, profile, assumedRole: role } = saved;
  const clients = createClients({ region, profile, role });
  try {
    const caller = await readCaller(clients).catch((error: unknown) => {
      throw explainFailure(error, 'sts:GetCallerIdentity', saved.region);
    });
    if (caller.account !== saved.account) {
      throw new InfraError(
        'INPUTS_INVALID',
        `the saved plan is for account ${saved.account}, the credentials belong to ${caller.account}`,
      );
    }
    await checkSavedPlan(clients, saved);
    const deployed = await readStack(clients, saved.stack);
    const now = deployed !== undefined && isBuilt(deployed.status) ? deployed : undefined;
    await approve(line, {
      clients,
      deployed: now,
      name: new Template(now?.template).proxyName() ?? saved.proxy,
      changes: [
        ...(await changesBetween(now?.template ?? {}, saved.template)),
        ...stackChanges(now, saved.settings),
      ],
      reviewed: true,
    });
    return await applyAndVerify(line, { ...saved, clients, from: { changeSet: saved.changeSet } });
  } finally {
    destroyClients(clients);
  }
}

async function applyAndVerify(line: CommandLine, deployment: Deployment): Promise<Applied> {
  const write = writer(line);
  const applied = await apply(deployment, write);
  if (!applied.changed && applied.restored.length === 0) {
    write('no changes: what is deployed matches the inputs');
  }
  const retention = await keepRetention(deployment);
  if (retention !== undefined) {
    write(retention);
  }
  if (flag(line, 'verify')) {
    write(
      await verify(deployment.clients, {
        endpoint: applied.outputs.rds_proxy_endpoint,
        secretArn: applied.outputs.rds_secret_arn,
        tls: deployment.tls,
        timeout: deployment.timeouts.verify,
      }),
    );
  }
  return applied;
}

type Write = (text: string) => void;

function writer(line: CommandLine): Write {
  return (text) => {
    line.stderr.write(`${text}\n`);
  };
}
