import { deprecationText, environmentName, expected, settingGroups } from '@sluice/proxy/settings';
import type { ListRow, ScalarRow, Setting } from '@sluice/proxy/settings';

/** docs/settings.md, from the table of settings. */
export function settingsPage(): string {
  return `# Settings

<!-- Generated from packages/proxy/src/settings/table by \`npm run docs\`. -->

\`sluice serve --config sluice.yaml\` reads these settings from a YAML file.
You can also set every setting except lists with an environment variable, which takes precedence over the file.
Relative paths are relative to the directory of the settings file. Durations are in seconds, sizes in bytes.
Where Amazon RDS Proxy has a setting, its name, default and range are the same here.

\`sluice check-config sluice.yaml\` shows all problems in a file.
Sluice reloads the settings on SIGHUP, and when the settings file or a file that it names changes. It applies reloadable
settings without closing client connections, and logs the changed settings that need a restart.
[sluice.example.yaml](../sluice.example.yaml) is a commented example. Editors can validate and complete the file with
[settings.schema.json](settings.schema.json).

${Object.entries(settingGroups)
  .map(
    ([heading, rows]) =>
      `- [${heading}](#${anchorOf(heading)}): ${Object.keys(rows).slice(0, 3).join(', ')}, …`,
  )
  .join('\n')}

${Object.entries(settingGroups)
  .map(([heading, rows]) => group(heading, Object.entries(rows)))
  .join('\n')}`;
}

function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(' ', '-');
}

function group(heading: string, rows: readonly (readonly [string, Setting])[]): string {
  return `## ${heading}

| Setting | Default | Reloadable |
| --- | --- | --- |
${rows.map(([name, row]) => `| [${name}](#${name.toLowerCase()}) | ${defaultOf(row)} | ${row.reloadable ? 'yes' : 'no'} |`).join('\n')}

${rows.map(([name, row]) => section(name, row)).join('\n')}`;
}

function section(name: string, row: Setting): string {
  return `### ${name}

${row.deprecated === undefined ? '' : `**Deprecated:** ${deprecationText(name, row.deprecated)}.\n\n`}${row.doc}

- ${capitalized(expected(row))}. ${isRequired(row) ? 'Required' : `Default: ${defaultOf(row)}`}.
- ${row.reloadable ? 'Reloadable' : 'Takes effect after a restart'}.${row.type === 'list' ? '' : ` Environment: \`${environmentName(name)}\`.`} Since ${row.since}.
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
