import { destroyClients, createClients } from '../aws/clients.ts';
import { explainFailure } from '../aws/failure.ts';
import { prepare } from '../actions/prepare.ts';
import { apply, deploymentOf, keepRetention, type Applied } from '../apply/apply.ts';
import { checkSavedPlan, readSavedPlan } from '../apply/saved-plan.ts';
import { settle } from '../apply/settle.ts';
import { verify } from '../apply/verify.ts';
import { InfraError } from '../errors.ts';
import { readCaller } from '../resolve/identity.ts';
import { stackName } from '../resolve/names.ts';
import { outputsText } from '../text/outputs-text.ts';
import { flag, guarded, requestOf, writeJson, type CommandLine } from './command-line.ts';

/**
 * `sluice apply`: does what plan shows. Progress goes to standard error, the outputs to standard output.
 * @returns 0; 1 when it failed and was rolled back, or could not start
 */
export async function runApply(line: CommandLine): Promise<number> {
  return guarded(line, async () => {
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
  const { inputs } = prepared;
  try {
    if (prepared.deployed?.status.endsWith('_IN_PROGRESS') === true) {
      await settle(prepared.clients, stackName(inputs), write);
      destroyClients(prepared.clients);
      prepared = await prepare(requestOf(line), options);
    }
    const applied = await apply(deploymentOf(prepared), write);
    if (!applied.changed) {
      write('no changes: what is deployed is what the inputs want');
    }
    const retention = await keepRetention(prepared);
    if (retention !== undefined) {
      write(retention);
    }
    if (flag(line, 'verify')) {
      write(
        await verify(prepared.clients, {
          endpoint: applied.outputs.rds_proxy_endpoint,
          secretArn: applied.outputs.rds_secret_arn,
          tls: inputs.RequireTLS,
        }),
      );
    }
    return applied;
  } finally {
    destroyClients(prepared.clients);
  }
}

async function applySaved(line: CommandLine, file: string): Promise<Applied> {
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
    return await apply({ ...saved, clients, from: { changeSet: saved.changeSet } }, writer(line));
  } finally {
    destroyClients(clients);
  }
}

function writer(line: CommandLine): (text: string) => void {
  return (text) => {
    line.stderr.write(`${text}\n`);
  };
}
