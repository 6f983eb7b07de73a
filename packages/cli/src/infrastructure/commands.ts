import type { Command, Run } from '../command.ts';
import { keepCompiledCode } from './compile-cache.ts';
import { deep, inputOptions, json, replace } from './options.ts';

/** Loads the code of one command, and AWS's packages with it. */
function loading(load: () => Promise<Run>): Command['load'] {
  return async () => {
    keepCompiledCode();
    return { run: await load() };
  };
}

const plan: Command = {
  name: 'plan',
  summary: 'show what would change in AWS, what would fail, and what it costs a month',
  description:
    'Reads the inputs and AWS, runs twenty checks and the security rules, and shows what apply would do.\n' +
    'Changes nothing. Exits with 1 when something stands in the way.',
  options: [
    ...inputOptions,
    json,
    deep,
    replace,
    {
      flags: '--detailed-exitcode',
      description: 'exit with 2 when there are changes, as terraform plan does',
    },
    {
      flags: '--save <file>',
      description: 'keep the plan as a change set in AWS, for: sluice apply FILE',
    },
  ],
  examples: [
    { line: 'sluice plan --inputs terraform.tfvars', does: 'Plans the proxy of these inputs.' },
    {
      line: 'sluice plan --inputs terraform.tfvars --var engine=sluice',
      does: 'Plans Sluice on ECS Fargate in its place.',
    },
  ],
  load: loading(async () => (await import('@sluice/infra/shell/plan')).runPlan),
};

const apply: Command = {
  name: 'apply',
  summary: 'put the proxy before the database, and print the endpoint',
  description:
    'Does what plan shows, with progress, and prints the outputs. A failure is rolled back and leaves nothing behind.\n' +
    'Interrupted and run again, it takes up where it was.',
  arguments: [{ name: '[saved]', description: 'a file that plan --save has written' }],
  options: [
    ...inputOptions,
    json,
    deep,
    replace,
    {
      flags: '--verify',
      description: 'afterwards, connect through the endpoint with the secret and run select 1',
    },
  ],
  examples: [
    { line: 'sluice apply --inputs terraform.tfvars', does: 'Makes or changes the proxy.' },
    {
      line: 'sluice plan -i terraform.tfvars --save plan.json && sluice apply plan.json',
      does: 'Applies exactly what was reviewed.',
    },
  ],
  load: loading(async () => (await import('@sluice/infra/shell/apply')).runApply),
};

const outputs: Command = {
  name: 'outputs',
  summary: 'print the endpoint and the other outputs of what is deployed',
  options: [...inputOptions, json],
  examples: [
    { line: 'sluice outputs --inputs terraform.tfvars --json', does: 'Prints them as JSON.' },
  ],
  load: loading(async () => (await import('@sluice/infra/shell/outputs')).runOutputs),
};

const drift: Command = {
  name: 'drift',
  summary: 'show what somebody else has changed since the last apply',
  description: 'Compares what is deployed with what was applied. Exits with 0 either way.',
  options: [
    ...inputOptions,
    json,
    { flags: '--detailed-exitcode', description: 'exit with 2 when there is drift' },
  ],
  load: loading(async () => (await import('@sluice/infra/shell/drift')).runDrift),
};

const destroy: Command = {
  name: 'destroy',
  summary: 'remove what apply has made; never the database, role, secret or group it was given',
  description:
    'Shows what will go and asks for the name of the proxy. Refuses while clients are connected unless forced.',
  options: [
    ...inputOptions,
    json,
    { flags: '--confirm <name>', description: 'the name of the proxy, in place of the question' },
    { flags: '--force', description: 'even while clients are connected' },
  ],
  examples: [
    {
      line: 'sluice destroy --inputs terraform.tfvars --confirm orders',
      does: 'Removes the proxy orders without a question.',
    },
  ],
  load: loading(async () => (await import('@sluice/infra/shell/destroy')).runDestroy),
};

const synth: Command = {
  name: 'synth',
  summary: 'write the CloudFormation template and the security report',
  description:
    'With --resolved it needs no AWS: the file gives the ids behind the names (as plan --json prints them under "resolved").\n' +
    'Exits with 1 when a security rule is broken and not acknowledged.',
  options: [
    ...inputOptions,
    json,
    replace,
    { flags: '--resolved <file>', description: 'the ids behind the names: JSON, YAML or HCL' },
    {
      flags: '--out <folder>',
      description: 'write template.json, security.txt and security.sarif there',
    },
  ],
  examples: [
    {
      line: 'sluice synth --inputs terraform.tfvars --resolved ids.json',
      does: 'Prints the template, offline.',
    },
  ],
  load: loading(async () => (await import('@sluice/infra/shell/synth')).runSynth),
};

/** The commands that deal with AWS. Each loads its own code, and AWS's with it, only when it is run. */
export const infrastructure: readonly Command[] = [plan, apply, outputs, drift, destroy, synth];
