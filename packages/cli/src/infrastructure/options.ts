import type { Option } from '../command.ts';
import { UsageError } from '../command.ts';

/** The nine inputs that have a flag of their own; every input can be given with --var. */
const nine: readonly (readonly [name: string, description: string])[] = [
  ['aws_account_id', 'the AWS account that holds the database'],
  ['aws_region', 'its region'],
  ['vpc_id', 'the VPC of the database'],
  ['vpc_subnet_filter_tag', 'tags of the subnets, as { Name = "private" }'],
  ['rds_instance_id', 'the RDS PostgreSQL instance'],
  ['rds_proxy_role', 'the IAM role that reads the secret'],
  ['rds_security_group_name', 'the security group that the proxy wears'],
  ['rds_secret_name', 'the secret with user name and password'],
  ['rds_proxy_tags', 'tags for what is made, as { Team = "orders" }'],
];

/** Inputs are taken in the order in which they were typed, whichever option they came by. */
let typed = 0;

function next(): number {
  typed += 1;
  return typed;
}

function add(previous: unknown, entry: object): unknown[] {
  return [...(Array.isArray(previous) ? (previous as unknown[]) : []), entry];
}

/** --inputs, --var and the nine inputs' own flags. */
export const inputOptions: readonly Option[] = [
  {
    flags: '-i, --inputs <file>',
    description:
      'a file of inputs: .tfvars, .tfvars.json, .json, .yaml; may be repeated, later ones win',
    parse: (file, previous) => add(previous, { order: next(), file }),
  },
  {
    flags: '--var <name=value>',
    description: 'one input, as in Terraform; may be repeated',
    parse: (text, previous) => {
      const at = text.indexOf('=');
      if (at < 1) {
        throw new UsageError('It must be a name, an equals sign and a value.');
      }
      const flag = `--var ${text.slice(0, at)}`;
      return add(previous, {
        order: next(),
        name: text.slice(0, at),
        value: text.slice(at + 1),
        flag,
      });
    },
  },
  ...nine.map(([name, description]): Option => {
    const flag = `--${name.replaceAll('_', '-')}`;
    return {
      flags: `${flag} <value>`,
      description: `the input ${name}: ${description}`,
      parse: (value) => ({ order: next(), name, value, flag }),
    };
  }),
];

export const json: Option = { flags: '--json', description: 'print one JSON document' };

export const deep: Option = {
  flags: '--deep',
  description: 'also read the secret’s value and log in to the database with it',
};

export const replace: Option = {
  flags: '--replace',
  description:
    'make a new proxy, with a new endpoint name, when something fixed at creation has changed',
};
