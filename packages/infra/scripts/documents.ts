import { designOf } from '../src/actions/design.ts';
import { infraErrorCodes } from '../src/errors.ts';
import { checkInputs } from '../src/inputs/read.ts';
import { endpointFields, secretFields } from '../src/inputs/nested.ts';
import type { InputSpec } from '../src/inputs/spec.ts';
import { inputTable } from '../src/inputs/table.ts';
import { checks } from '../src/preflight/run.ts';
import { checkResolved, resolvedFields } from '../src/resolve/resolved.ts';
import { rules } from '../src/security/rules.ts';
import { sarif } from '../src/security/sarif.ts';
import { securityLines } from '../src/text/plan-text.ts';

const specs: Readonly<Record<string, InputSpec>> = inputTable;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function defaultOf(spec: InputSpec): string {
  if (spec.required === true) {
    return 'required';
  }
  return spec.default === undefined ? '' : `\`${JSON.stringify(spec.default)}\``;
}

function takes(spec: InputSpec): string {
  const unit = spec.unit === undefined ? '' : ` ${spec.unit}`;
  if (spec.choices !== undefined) {
    return spec.choices.join(', ') + unit;
  }
  if (spec.type === 'integer') {
    return `${spec.min ?? ''} to ${spec.max ?? ''}${unit}`;
  }
  const types: Readonly<Record<InputSpec['type'], string>> = {
    string: 'text',
    integer: 'number',
    boolean: 'true, false',
    map: 'map of strings',
    strings: 'list of strings',
    objects: `list of objects: ${Object.keys(spec.fields ?? {}).join(', ')}`,
  };
  return types[spec.type];
}

function inputs(): string {
  return table(
    ['input', 'takes', 'default', 'engine', 'what it means'],
    Object.entries(specs).map(([name, spec]) => [
      `\`${name}\``,
      takes(spec),
      defaultOf(spec),
      spec.engine ?? 'both',
      spec.doc,
    ]),
  );
}

/** A Markdown table of the fields of an object. */
function fields(head: string, rows: Readonly<Record<string, InputSpec>>, meaning: string): string {
  return table(
    [head, 'takes', 'default', meaning],
    Object.entries(rows).map(([name, spec]) => [
      `\`${name}\``,
      takes(spec),
      defaultOf(spec),
      spec.doc,
    ]),
  );
}

/** The tables of docs/infrastructure.md, by the name of their marker. */
export const tables: Readonly<Record<string, () => string>> = {
  inputs,
  auth: () => fields('field of Auth', secretFields, 'what it means'),
  endpoints: () => fields('field of DBProxyEndpoints', endpointFields, 'what it means'),
  resolved: () => fields('id', resolvedFields, 'what it is'),
  checks: () =>
    table(
      ['code', 'check', 'looks at', 'why'],
      checks.map(({ code, title, looks, why }) => [code, title, looks, why]),
    ),
  rules: () =>
    table(
      ['rule', 'what must hold', 'why', 'fix'],
      rules.map(({ id, title, why, fix }) => [`\`${id}\``, title, why, fix]),
    ),
  errors: () =>
    table(
      ['code', 'when'],
      Object.entries(infraErrorCodes).map(([code, when]) => [`\`${code}\``, when]),
    ),
};

/**
 * The document with regenerated tables: replaces the text between `<!-- NAME -->` and `<!-- /NAME -->`.
 * @throws Error when the document has no marker, or more than one, for a table, which would otherwise be missing
 *   silently
 */
export function withTables(
  text: string,
  made: Readonly<Record<string, () => string>> = tables,
): string {
  return Object.entries(made).reduce((document, [name, make]) => {
    const place = new RegExp(`(<!-- ${name} -->)[^]*?(<!-- /${name} -->)`, 'g');
    const places = document.match(place)?.length ?? 0;
    if (places !== 1) {
      throw new Error(
        `the document has ${places} places <!-- ${name} --> … <!-- /${name} -->; it needs one`,
      );
    }
    return document.replace(
      place,
      (_all, begin: string, end: string) => `${begin}\n\n${make()}\n\n${end}`,
    );
  }, text);
}

const nine = {
  aws_account_id: '123456789012',
  aws_region: 'eu-central-1',
  vpc_id: 'vpc-0123456789abcdef0',
  vpc_subnet_filter_tag: { Name: 'private' },
  rds_instance_id: 'orders',
  rds_proxy_role: 'orders-proxy-role',
  rds_security_group_name: 'orders-proxy',
  rds_secret_name: 'orders-database',
};

const secret = (name: string): string =>
  `arn:aws:secretsmanager:eu-central-1:123456789012:secret:${name}-AbCdEf`;

/** An example of each engine, which is checked and shown in docs/security-checks. */
const examples: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'rds-proxy': nine,
  sluice: {
    ...nine,
    engine: 'sluice',
    ContainerImage: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/sluice:0.1.0',
    TlsSecretName: 'orders-tls',
  },
};

/** The files of docs/security-checks that this project's own checks produce: name to text. */
export function reports(): Record<string, string> {
  const resolved = checkResolved(
    {
      subnet_ids: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
      security_group_ids: ['sg-0123456789abcdef0'],
      role_arn: 'arn:aws:iam::123456789012:role/orders-proxy-role',
      secret_arns: {
        'orders-database': secret('orders-database'),
        'orders-tls': secret('orders-tls'),
      },
      vpc_cidrs: ['10.20.0.0/16'],
      database_host: 'orders.abcdefghijkl.eu-central-1.rds.amazonaws.com',
      database_security_group_ids: ['sg-0123456789abcdef1'],
      database_vcpus: 2,
      max_connections: 400,
    },
    'example',
  );
  const files: Record<string, string> = {};
  for (const [name, inputs] of Object.entries(examples)) {
    const { synthesized, security } = designOf(checkInputs(inputs), resolved, undefined, false);
    const plain = (_format: unknown, text: string): string => text;
    files[`${name}.template.json`] = `${JSON.stringify(synthesized.template, undefined, 2)}\n`;
    files[`${name}.txt`] = `${securityLines(security, plain).join('\n')}\n`;
    files[`${name}.sarif`] =
      `${JSON.stringify(sarif(security, `${name}.template.json`), undefined, 2)}\n`;
  }
  return files;
}
