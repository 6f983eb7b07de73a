import { errorKinds } from '@sluice/proxy';

/** docs/errors.md, from the registry of errors. */
export function errorsPage(): string {
  const kinds = Object.entries(errorKinds);
  return `# Errors

<!-- Made from packages/proxy/src/errors.ts by \`npm run docs\`. -->

The errors that Sluice itself gives to clients. An error of the database reaches the client as the database sent it,
with its own SQLSTATE, and is not listed here. \`FATAL\` ends the client connection, \`ERROR\` ends the statement.
Retryable means that the same request may succeed when it is sent again.
In a message, \`{name}\` stands for a value.

| Error | SQLSTATE | Severity | Caused by | Retryable |
| --- | --- | --- | --- | --- |
${kinds
  .map(
    ([code, { sqlstate, severity, source, retryable }]) =>
      `| [${code}](#${code.toLowerCase()}) | ${sqlstate} | ${severity} | ${source} | ${retryable ? 'yes' : 'no'} |`,
  )
  .join('\n')}

${kinds
  .map(
    ([code, kind]) => `## ${code}

${kind.when}

> ${kind.message}
${'hint' in kind ? `\n${kind.hint}\n` : ''}`,
  )
  .join('\n')}`;
}
