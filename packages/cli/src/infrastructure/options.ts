import type { Option } from '../command.ts';
import { UsageError } from '../command.ts';

/** The nine inputs with their own flags; --var sets any input. */
const nine: readonly (readonly [name: string, description: string])[] = [
  ['aws_account_id', 'the AWS account that holds the database'],
  ['aws_region', 'its region'],
  ['vpc_id', 'the VPC of the database'],
  ['vpc_subnet_filter_tag', 'tags of the subnets, as { Name = "private" }'],
  ['rds_instance_id', 'the RDS PostgreSQL instance'],
  ['rds_proxy_role', 'the IAM role that reads the secret'],
  ['rds_security_group_name', 'the security group of the proxy'],
  ['rds_secret_name', 'the secret with user name and password'],
  ['rds_proxy_tags', 'tags for the created resources, as { Team = "orders" }'],
];

/** Inputs apply in the order of the command line, whichever option sets them. */
let typed = 0;

function next(): number {
  typed += 1;
  return typed;
}

function add(previous: unknown, entry: object): unknown[] {
  return [...(Array.isArray(previous) ? (previous as unknown[]) : []), entry];
}

const addFile: NonNullable<Option['parse']> = (file, previous) =>
  add(previous, { order: next(), file });

/** --inputs, --var and the flags of the nine inputs. */
export const inputOptions: readonly Option[] = [
  {
    flags: '-i, --inputs <file>',
    description:
      'a file with inputs: .tfvars, .tfvars.json, .json, .yaml; can be repeated, later files take precedence',
    parse: addFile,
  },
  {
    flags: '--var-file <file>',
    description: 'the same as --inputs, as in Terraform',
    parse: addFile,
  },
  {
    flags: '--var <name=value>',
    description: 'one input, as in Terraform; can be repeated',
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
  {
    flags: '--only <name>',
    description: 'only this proxy, if the inputs define several',
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
  description: 'also read the value of the secret and log in to the database with it',
};

export const replace: Option = {
  flags: '--replace',
  description: 'allow the removal of the endpoint, and create one with a new name if necessary',
};

export const autoApprove: Option = {
  flags: '--auto-approve',
  description: 'do not ask (for CI); removing an endpoint still needs --replace',
};

export const force: Option = {
  flags: '--force',
  description: 'remove an endpoint even while clients are, or may be, connected',
};

export const confirm: Option = {
  flags: '--confirm <name>',
  description: 'the name of the proxy, instead of asking for it',
};

export const wait: Option = {
  flags: '--wait',
  description: 'wait for a deployment in progress, such as your own interrupted apply',
};
