import { destroyClients, createClients } from '../aws/clients.ts';
import { explainFailure } from '../aws/failure.ts';
import { prepare, type Prepared } from '../actions/prepare.ts';
import {
  apply,
  deploymentOf,
  healthInterval,
  keepRetention,
  type Applied,
  type Deployment,
} from '../apply/apply.ts';
import { HealthWatch } from '../apply/health-watch.ts';
import { checkSavedPlan, readSavedPlan } from '../apply/saved-plan.ts';
import { isBusy, settle } from '../apply/settle.ts';
import { targetReader } from '../apply/target-reader.ts';
import { verify } from '../apply/verify.ts';
import { InfraError } from '../errors.ts';
import { readCaller } from '../resolve/identity.ts';
import { baseName, stackName } from '../resolve/names.ts';
import { Template } from '../resolve/template.ts';
import { outputsText } from '../text/outputs-text.ts';
import { flag, requestOf, writeJson, type CommandLine } from './command-line.ts';
import { interruptible } from './interruptible.ts';

/**
 * `sluice apply`: does what plan shows. Progress goes to standard error, the outputs to standard output.
 * @returns 0; 1 when it failed and was rolled back, or could not start
 */
export async function runApply(line: CommandLine): Promise<number> {
  return interruptible(line, async () => {
    const [saved] = line.arguments;
    const applied = saved === undefined ? await applyInputs(line) : await applySaved(line, saved);
    if (flag(line, 'json')) {
      writeJson(line, { changed: applied.changed, outputs: applied.outputs });
    } else {
      line.stdout.write(outputsText(applied.outputs));
    }
    return 0;
  });
}

async function applyInputs(line: CommandLine): Promise<Applied> {
  const write = writer(line);
  const options = { deep: flag(line, 'deep'), replace: flag(line, 'replace') };
  let prepared = await prepare(requestOf(line), options);
  try {
    if (isBusy(prepared.deployed)) {
      await takeUp(prepared, write);
      destroyClients(prepared.clients);
      prepared = await prepare(requestOf(line), options);
    }
    return await applyAndVerify(line, deploymentOf(prepared));
  } finally {
    destroyClients(prepared.clients);
  }
}

/** Waits for a deployment that an interrupted apply has begun, with an eye on the target as that one had. */
async function takeUp({ inputs, clients, deployed }: Prepared, write: Write): Promise<void> {
  const stack = stackName(inputs);
  const template = new Template(deployed?.template);
  const watch = new HealthWatch({
    read: targetReader({
      engine: template.engine() ?? inputs.engine,
      proxy: template.proxyName() ?? baseName(inputs),
      clients,
      stack,
    }),
    tell: (text) => write(`         ${text}`),
    interval: healthInterval,
  });
  try {
    await settle(clients, stack, write);
  } finally {
    await watch.stop();
  }
}

async function applySaved(line: CommandLine, file: string): Promise<Applied> {
  if (requestOf(line).sources.arguments.length > 0) {
    throw new InfraError(
      'INPUTS_INVALID',
      `a saved plan has its inputs in it; say sluice apply ${file} and no inputs beside it, or plan again with other ones`,
    );
  }
  const saved = await readSavedPlan(file);
  const clients = createClients({ region: saved.region });
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
    return await applyAndVerify(line, { ...saved, clients, from: { changeSet: saved.changeSet } });
  } finally {
    destroyClients(clients);
  }
}

async function applyAndVerify(line: CommandLine, deployment: Deployment): Promise<Applied> {
  const write = writer(line);
  const applied = await apply(deployment, write);
  if (!applied.changed) {
    write('no changes: what is deployed is what the inputs want');
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
