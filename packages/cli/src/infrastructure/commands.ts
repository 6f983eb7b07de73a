import process from 'node:process';
import type { Command, Run } from '../command.ts';
import { infraCompanion, loadCompanion } from '../companion.ts';
import { keepCompiledCode } from './compile-cache.ts';
import { autoApprove, confirm, deep, force, inputOptions, json, replace, wait } from './options.ts';

/** The time that unfinished work has when the process exits, in milliseconds. */
const grace = 1000;

/** Loads the code of one command, with the AWS packages. */
function loading<Module>(
  name: string,
  load: () => Promise<Module>,
  pick: (module: Module) => Run,
): Command['load'] {
  return async () => {
    keepCompiledCode();
    const run = pick(await loadCompanion(infraCompanion, `@sluice/infra/shell/${name}`, load));
    return {
      run: async (line) => {
        const code = await run(line);
        // After DeploymentTimeout, the CDK toolkit would keep the process alive until CloudFormation is finished. A
        // process with another output belongs to someone else.
        if (line.stdout === process.stdout) setTimeout(() => process.exit(code), grace).unref();
        return code;
      },
    };
  };
}

const plan: Command = {
  name: 'plan',
  summary: 'show what would change in AWS, what would fail, and what it costs a month',
  description:
    'Reads the inputs and AWS, runs the checks and the security rules, and shows what apply would do. ' +
    'Changes nothing. Exits with 1 when something blocks the plan.',
  options: [
    ...inputOptions,
    json,
    deep,
    replace,
    {
      flags: '--detailed-exitcode',
      description: 'exit with 2 when there are changes or drift, as terraform plan does',
    },
    {
      flags: '--save <file>',
      description: 'keep the plan as a change set in AWS, for: sluice aws apply FILE',
    },
    {
      flags: '--sarif <file>',
      description: 'also write the checks and the security findings as SARIF, for code hosts',
    },
    {
      flags: '--markdown <file>',
      description: 'also write the plan as Markdown, for a comment on a pull request',
    },
  ],
  examples: [
    { line: 'sluice aws plan --inputs terraform.tfvars', does: 'Plans the proxy of these inputs.' },
    {
      line: 'sluice aws plan --inputs terraform.tfvars --var engine=sluice',
      does: 'Plans Sluice on ECS Fargate instead.',
    },
  ],
  load: loading(
    'plan',
    () => import('@sluice/infra/shell/plan'),
    ({ runPlan }) => runPlan,
  ),
};

const apply: Command = {
  name: 'apply',
  summary: 'put the proxy in front of the database, and print the endpoint',
  description:
    'Shows the plan, asks, applies it with progress, and prints the outputs. It reverts drift. On failure, it rolls back ' +
    'all changes. It removes an endpoint that clients may use only with --replace or the typed name.',
  arguments: [{ name: '[saved]', description: 'a file written by plan --save' }],
  options: [
    ...inputOptions,
    json,
    deep,
    autoApprove,
    replace,
    confirm,
    force,
    wait,
    {
      flags: '--verify',
      description: 'afterwards, connect through the endpoint with the secret and run select 1',
    },
  ],
  examples: [
    {
      line: 'sluice aws apply --inputs terraform.tfvars',
      does: 'Shows the plan, asks, and creates or changes the proxy.',
    },
    {
      line: 'sluice aws apply --inputs terraform.tfvars --auto-approve',
      does: 'The same in CI, without asking.',
    },
    {
      line: 'sluice aws plan -i terraform.tfvars --save plan.json && sluice aws apply plan.json',
      does: 'Applies exactly what was reviewed.',
    },
  ],
  load: loading(
    'apply',
    () => import('@sluice/infra/shell/apply'),
    ({ runApply }) => runApply,
  ),
};

const outputs: Command = {
  name: 'outputs',
  summary: 'print the endpoint and the other outputs of what is deployed',
  options: [...inputOptions, json],
  examples: [
    { line: 'sluice aws outputs --inputs terraform.tfvars --json', does: 'Prints them as JSON.' },
  ],
  load: loading(
    'outputs',
    () => import('@sluice/infra/shell/outputs'),
    ({ runOutputs }) => runOutputs,
  ),
};

const drift: Command = {
  name: 'drift',
  summary: 'show what was changed outside of sluice since the last apply',
  description:
    'Compares what is deployed with what was applied. Exits with 0 either way, unless --detailed-exitcode is given.',
  options: [
    ...inputOptions,
    json,
    { flags: '--detailed-exitcode', description: 'exit with 2 when there is drift' },
  ],
  load: loading(
    'drift',
    () => import('@sluice/infra/shell/drift'),
    ({ runDrift }) => runDrift,
  ),
};

const destroy: Command = {
  name: 'destroy',
  summary: 'remove what apply created; never the database, role, secret or group that you gave it',
  description:
    'Shows what it will remove and asks for the name of the proxy. Refuses while clients are connected, unless forced.',
  options: [
    ...inputOptions,
    json,
    confirm,
    force,
    wait,
    { flags: '--delete-logs', description: 'also remove the log groups and their logs' },
  ],
  examples: [
    {
      line: 'sluice aws destroy --inputs terraform.tfvars --confirm orders',
      does: 'Removes the proxy orders without asking.',
    },
  ],
  load: loading(
    'destroy',
    () => import('@sluice/infra/shell/destroy'),
    ({ runDestroy }) => runDestroy,
  ),
};

const synth: Command = {
  name: 'synth',
  summary: 'write the CloudFormation template and the security report',
  description:
    'Writes the CloudFormation template and the security report. With --resolved, it needs no access to AWS: the file has the IDs of the resources (as plan --json prints them under "resolved"). ' +
    'Exits with 1 if the template violates a security rule that is not acknowledged.',
  options: [
    ...inputOptions,
    json,
    replace,
    { flags: '--resolved <file>', description: 'the IDs of the resources: JSON, YAML or HCL' },
    {
      flags: '--out <folder>',
      description: 'write template.json, security.txt and security.sarif there',
    },
  ],
  examples: [
    {
      line: 'sluice aws synth --inputs terraform.tfvars --resolved ids.json',
      does: 'Prints the template without access to AWS.',
    },
  ],
  load: loading(
    'synth',
    () => import('@sluice/infra/shell/synth'),
    ({ runSynth }) => runSynth,
  ),
};

const check: Command = {
  name: 'check',
  summary: 'run only the preflight checks, for any Terraform or CDK configuration',
  description:
    'Reads the inputs and AWS, and says what would fail. Changes nothing. With --plan, it takes the inputs from the ' +
    'aws_db_proxy resources of a Terraform plan. Exits with 1 when a check fails.',
  options: [
    ...inputOptions,
    json,
    deep,
    {
      flags: '--plan <file>',
      description: 'a Terraform plan as JSON: terraform show -json tfplan > tfplan.json',
    },
    {
      flags: '--address <address>',
      description: 'which aws_db_proxy of the plan, when it has several',
    },
    { flags: '--detailed-exitcode', description: 'exit with 2 when a check warns' },
    { flags: '--sarif <file>', description: 'also write the checks as SARIF, for code hosts' },
  ],
  examples: [
    {
      line: 'sluice aws check --inputs terraform.tfvars',
      does: 'Runs every check on these inputs.',
    },
    {
      line: 'sluice aws check --plan tfplan.json --var aws_account_id=123456789012 --var aws_region=eu-central-1 --var vpc_id=vpc-0123456789abcdef0',
      does: 'Checks the proxy that a Terraform plan would create.',
    },
  ],
  load: loading(
    'check',
    async () => import('@sluice/infra/shell/check'),
    ({ runCheck }) => runCheck,
  ),
};

const adopt: Command = {
  name: 'adopt',
  summary: 'take over a proxy that Terraform created, in place: its endpoint does not change',
  description:
    'Imports the proxy, its endpoints and its log group into a stack, and manages the target group through the RDS API. ' +
    'Afterwards, run terraform state rm. To go back, run sluice aws destroy, which removes only the stack, and terraform import.',
  options: [...inputOptions, json, autoApprove],
  examples: [
    {
      line: 'sluice aws adopt --inputs terraform.tfvars',
      does: 'Takes over the proxy of these inputs.',
    },
  ],
  load: loading(
    'adopt',
    async () => import('@sluice/infra/shell/adopt'),
    ({ runAdopt }) => runAdopt,
  ),
};

/** The commands for AWS. Each loads its own code and the AWS packages only when it runs. */
export const infrastructure: readonly Command[] = [
  check,
  plan,
  apply,
  outputs,
  drift,
  destroy,
  adopt,
  synth,
];
