import { errorKinds } from '@sluice/proxy';

/** docs/errors.md, from the error registry. */
export function errorsPage(): string {
  const kinds = Object.entries(errorKinds);
  return `# Errors

<!-- Generated from packages/proxy/src/errors.ts by \`npm run docs\`. -->

This page lists the errors that Sluice itself raises. Sluice forwards errors of the database unchanged; they are not
listed here. \`FATAL\` closes the client connection, and \`ERROR\` aborts the statement. Retryable means that the same
request may succeed later. In a message, \`{name}\` is a placeholder for a value.

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
