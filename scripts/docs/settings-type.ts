import { deprecationText, expected, settings } from '@sluice/proxy/settings';
import type { Deprecation, ListRow, ScalarRow } from '@sluice/proxy/settings';

/** packages/sluice/src/proxy-settings.ts: the settings as a type with doc comments, which editors show. */
export function settingsType(): string {
  const lists = settings.flatMap(([name, row]) => (row.type === 'list' ? [{ name, row }] : []));
  return `// Generated from packages/proxy/src/settings/table.ts by \`npm run docs\`.

/** The settings of a proxy, with the names of the settings file. Omitted settings have their defaults. */
export interface ProxySettings {
${settings.map(([name, row]) => property(name, row, typeOf(row, name), defaultOf(row))).join('\n')}
}
${lists
  .map(
    ({ name, row }) => `
/** One entry of the setting \`${name}\`. */
export interface ${entryName(name)} {
${Object.entries(row.fields)
  .map(([field, fieldRow]) =>
    property(
      field,
      fieldRow,
      typeOf(fieldRow, field),
      defaultOf(fieldRow),
      fieldRow.required === true,
    ),
  )
  .join('\n')}
}
`,
  )
  .join('')}`;
}

function property(
  name: string,
  row: (ScalarRow | ListRow) & { readonly deprecated?: Deprecation },
  type: string,
  byDefault: string | undefined,
  required = false,
): string {
  const text = [
    row.doc,
    ...(hasRange(row) ? [`Takes ${expected(row)}.`] : []),
    ...(byDefault === undefined ? [] : [`Default: ${byDefault}.`]),
  ].join(' ');
  const tag =
    row.deprecated === undefined ? [] : [`@deprecated ${deprecationText(name, row.deprecated)}.`];
  return `${docComment([text, ...tag])}\n  readonly ${name}${required ? '' : '?'}: ${type};`;
}

/** The width of comments in the repository. */
const width = 120;

/** A doc comment with these paragraphs, on one line if it fits. */
function docComment(paragraphs: readonly string[]): string {
  // TSDoc reads a brace as the start of a tag.
  const texts = paragraphs.map((text) => text.replaceAll(/[{}]/g, String.raw`\$&`));
  const single = `  /** ${texts.join(' ')} */`;
  if (texts.length === 1 && single.length <= width) return single;
  const start = '   * ';
  const lines: string[] = [];
  for (const text of texts) {
    let line = '';
    for (const word of text.split(' ')) {
      if (line !== '' && start.length + line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else line = line === '' ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return `  /**\n${lines.map((line) => `${start}${line}\n`).join('')}   */`;
}

/** Whether the doc comment must state the allowed values, because the type does not. */
function hasRange(row: ScalarRow | ListRow): boolean {
  return (
    row.type === 'integer' ||
    row.type === 'bytes' ||
    row.type === 'duration' ||
    (row.type === 'string' && row.pattern !== undefined)
  );
}

function typeOf(row: ScalarRow | ListRow, name: string): string {
  switch (row.type) {
    case 'integer':
    case 'bytes':
    case 'duration':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'enum':
      return row.values.map((value) => `'${value}'`).join(' | ');
    case 'list':
      return `readonly ${entryName(name)}[]`;
    default:
      return 'string';
  }
}

function entryName(list: string): string {
  const names: Readonly<Record<string, string>> = {
    Auth: 'AuthSecret',
    Endpoints: 'EndpointSettings',
    Pools: 'PoolSettings',
    Targets: 'TargetSettings',
    Users: 'UserSettings',
  };
  return names[list] ?? `${list}Entry`;
}

function defaultOf(row: ScalarRow | ListRow): string | undefined {
  if (row.defaultDoc !== undefined) return row.defaultDoc;
  if (row.type === 'list' || row.default === undefined || row.default === '') return undefined;
  return `\`${String(row.default)}\``;
}
