import { workloadSchema } from '@sluice/prove';

/** The parts of a JSON Schema that the page shows. */
interface Schema {
  readonly type?: string;
  readonly const?: string | number | boolean;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** docs/workload.md, from the schema of workload files. */
export function workloadPage(): string {
  const top: Schema = JSON.parse(JSON.stringify(workloadSchema));
  const { statements, transactions, connect, thinkTime } = top.properties ?? {};
  const statement = Object.values(statements?.patternProperties ?? {})[0];
  const parameters = statement?.properties?.['parameters']?.items?.anyOf ?? [];
  const generators = parameters.filter(({ properties }) => properties !== undefined);
  const steps = transactions?.items?.properties?.['steps']?.items?.anyOf ?? [];
  return [
    '# Workload files',
    'A workload file describes, in YAML, what an application does. Run it with `sluice prove --workload FILE`. Sluice includes four workloads: `web`, `serverless`, `pgbench` and `orm`. Their files in `packages/prove/src/workload/ready` are good starting points. Editors can validate a file with [workload.schema.json](workload.schema.json). `sluice prove` validates the whole file before it connects to a database, and reports every problem with its line.',
    'This page is generated from the schema.',
    '## The file',
    table(top),
    '## `connect`',
    table(connect),
    '## `thinkTime`',
    table(thinkTime),
    '## A statement',
    table(statement),
    '## Parameter generators',
    'A parameter is a constant value or a generator:',
    ...generators.flatMap((generator) => [
      `### \`generate: ${String(generator.properties?.['generate']?.const)}\``,
      generator.properties?.['generate']?.description ?? '',
      table(generator, ['generate']),
    ]),
    '## A transaction',
    table(transactions?.items),
    'A step is the name of a statement, or one of these:',
    ...steps.filter(({ properties }) => properties !== undefined).map((step) => table(step)),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

function table(schema: Schema | undefined, left: readonly string[] = []): string {
  const rows = Object.entries(schema?.properties ?? {}).filter(([name]) => !left.includes(name));
  if (rows.length === 0) return '';
  return [
    '| name | value | meaning |',
    '| --- | --- | --- |',
    ...rows.map(
      ([name, value]) =>
        `| \`${name}\`${schema?.required?.includes(name) === true ? ', required' : ''} | ${kindOf(value)} | ${(value.description ?? '').replaceAll('|', '\\|')} |`,
    ),
  ].join('\n');
}

function kindOf({ type, anyOf, minimum, maximum }: Schema): string {
  const constants = anyOf?.flatMap((member) =>
    member.const === undefined ? [] : [`\`${String(member.const)}\``],
  );
  if (constants !== undefined && constants.length > 0) return constants.join(', ');
  const range = [
    minimum === undefined ? '' : `from ${minimum}`,
    maximum === undefined ? '' : `to ${maximum}`,
  ]
    .filter((part) => part !== '')
    .join(' ');
  return [type === 'array' ? 'list' : (type ?? ''), range].join(' ').trim();
}
