import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DeploymentMethod, Toolkit } from '@aws-cdk/toolkit-lib';
import type { IStackSynthesizer } from 'aws-cdk-lib';
import type { Clients } from '../aws/clients.ts';
import type { StackSettings } from '../model/stack-settings.ts';
import { record } from '../values.ts';
import { ToolkitHost, type StackEvent } from './toolkit-host.ts';

/** A name for a change set that no other deployment uses. */
export function changeSetName(): string {
  return `sluice-${new Date().toISOString().replaceAll(/[^0-9]/g, '')}-${randomBytes(3).toString('hex')}`;
}

/** How to use the toolkit; the same for deployments and removals. */
interface Job {
  readonly region: string;
  /** The source of the credentials, if it is not only the environment. */
  readonly credentials?: Clients['credentials'] | undefined;
  /** The role that CloudFormation uses instead of the caller's permissions. */
  readonly roleArn?: string | undefined;
  readonly onEvent: (event: StackEvent) => void;
}

/** A deployment of a synthesized stack. */
export interface DeployJob extends Job {
  /** The folder of the assembly. */
  readonly assembly: string;
  readonly method: DeploymentMethod;
}

/** Deploys the template with CDK's own toolkit and waits. Rejects if the deployment fails, after the rollback. */
export async function deploy(job: DeployJob): Promise<void> {
  const toolkit = await toolkitFor(job);
  const source = await toolkit.fromAssemblyDirectory(job.assembly);
  try {
    await toolkit.deploy(source, {
      deploymentMethod: job.method,
      ...(job.roleArn === undefined ? {} : { roleArn: job.roleArn }),
      // The toolkit removes a stack in review and the remains of a failed creation.
      rollback: true,
    });
  } catch (error) {
    // The toolkit wraps the cause in a line for its own terminal output.
    throw error instanceof Error && error.cause instanceof Error ? error.cause : error;
  }
}

/** Names a deployed stack. */
export interface StackJob extends Job {
  readonly stack: string;
  readonly account: string;
}

/** Removes a stack and waits. Rejects if something could not be removed. */
export async function remove(job: StackJob): Promise<void> {
  const toolkit = await toolkitFor(job);
  const source = await toolkit.fromAssemblyDirectory(
    await assemblyOf(job, { template: { Resources: {} } }),
  );
  await toolkit.destroy(source, job.roleArn === undefined ? {} : { roleArn: job.roleArn });
}

/**
 * Runs a waiting change set, as it was reviewed.
 * @param made what the change set was made with: the toolkit removes a stack whose template is empty, and sets the
 *   termination protection itself
 */
export async function execute(
  job: StackJob,
  changeSetName: string,
  made: Required<Pick<Assembled, 'template' | 'settings'>>,
): Promise<void> {
  await deploy({
    ...job,
    assembly: await assemblyOf(job, made),
    method: { method: 'execute-change-set', changeSetName },
  });
}

/** Loaded on demand: the toolkit takes a second to load, and a plan does not need it. */
async function toolkitFor({ region, credentials, onEvent }: Job): Promise<Toolkit> {
  const { BaseCredentials, Toolkit } = await import('@aws-cdk/toolkit-lib');
  return new Toolkit({
    ioHost: new ToolkitHost(onEvent),
    color: false,
    emojis: false,
    sdkConfig: {
      baseCredentials:
        credentials === undefined
          ? BaseCredentials.awsCliCompatible({ defaultRegion: region })
          : BaseCredentials.custom({ provider: credentials, region }),
    },
  });
}

/** The contents of an assembly. */
interface Assembled {
  readonly template: Readonly<Record<string, unknown>>;
  readonly settings?: StackSettings;
}

/** The toolkit accepts a folder with the stack's name, account, region and template, as CDK writes it. */
async function assemblyOf(
  { stack, account, region }: StackJob,
  { template, settings }: Assembled,
): Promise<string> {
  const { App, LegacyStackSynthesizer, Stack } = await import('aws-cdk-lib');
  const app = new App({ analyticsReporting: false, builtinCloudFormationValidation: false });
  const made = new Stack(app, 'Proxy', {
    stackName: stack,
    env: { account, region },
    terminationProtection: settings?.terminationProtection ?? false,
    // As in ProxyStack.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    synthesizer: new LegacyStackSynthesizer() as IStackSynthesizer,
  });
  const { directory } = app.synth();
  await writeFile(join(directory, made.templateFile), JSON.stringify(template));
  return directory;
}

/**
 * The toolkit sets the protection of a stack as soon as it creates a change set, even one that waits. Until the change
 * set is executed, the stack keeps its protection.
 */
export async function keepProtection(assembly: string, on: boolean): Promise<void> {
  const file = join(assembly, 'manifest.json');
  const manifest = record(JSON.parse(await readFile(file, 'utf8')));
  for (const artifact of Object.values(record(manifest['artifacts'])).map(record)) {
    if (artifact['type'] === 'aws:cloudformation:stack') {
      Object.assign(record(artifact['properties']), { terminationProtection: on });
    }
  }
  await writeFile(file, JSON.stringify(manifest));
}
