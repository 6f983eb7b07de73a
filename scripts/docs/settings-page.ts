import { deprecationText, environmentName, expected, settings } from '@sluice/proxy/settings';
import type { ListRow, ScalarRow, Setting } from '@sluice/proxy/settings';

/** docs/settings.md, from the table of settings. */
export function settingsPage(): string {
  return `# Settings

<!-- Made from packages/proxy/src/settings/table.ts by \`npm run docs\`. -->

\`sluice serve --config sluice.yaml\` reads these settings from a YAML file.
A setting that is one word or number can also come from an environment variable, which goes before the file.
A relative path of a file starts at the folder of the settings file. Durations are in seconds, sizes in bytes.
Names, defaults and ranges are those of Amazon RDS Proxy where it has the setting.

\`sluice check-config sluice.yaml\` shows every problem at once.
At SIGHUP, and when the file or a file that it names changes, the settings are read again: what is reloadable changes
without dropping a client, and the log names what is not. A commented example is [sluice.example.yaml](../sluice.example.yaml);
editors can check and complete the file with [settings.schema.json](settings.schema.json).

| Setting | Default | Reloadable |
| --- | --- | --- |
${settings.map(([name, row]) => `| [${name}](#${name.toLowerCase()}) | ${defaultOf(row)} | ${row.reloadable ? 'yes' : 'no'} |`).join('\n')}

${settings.map(([name, row]) => section(name, row)).join('\n')}`;
}

function section(name: string, row: Setting): string {
  return `## ${name}

${row.deprecated === undefined ? '' : `**Deprecated:** ${deprecationText(name, row.deprecated)}.\n\n`}${row.doc}

- ${capitalized(expected(row))}. ${isRequired(row) ? 'Required' : `Default: ${defaultOf(row)}`}.
- ${row.reloadable ? 'Reloadable' : 'Takes effect at the next start'}.${row.type === 'list' ? '' : ` Environment: \`${environmentName(name)}\`.`} Since ${row.since}.
${row.type === 'list' ? fieldTable(row) : ''}`;
}

function fieldTable({ fields }: ListRow): string {
  const rows = Object.entries(fields).map(
    ([name, field]) =>
      `| \`${name}\` | ${isRequired(field) ? 'yes' : ''} | ${expected(field)} | ${field.doc} |`,
  );
  return `
| Field | Required | Value | Meaning |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

function isRequired(row: ScalarRow | ListRow): boolean {
  return row.required === true;
}

function defaultOf(row: ScalarRow | ListRow): string {
  if (row.defaultDoc !== undefined) {
    return row.defaultDoc;
  }
  if (row.default === undefined) {
    return isRequired(row) ? 'required' : 'none';
  }
  return row.default === '' || row.type === 'list' ? 'empty' : `\`${String(row.default)}\``;
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
