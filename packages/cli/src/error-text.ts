/**
 * The text for an error that ended a command: a sentence for a problem with the input or the machine, and a stack trace
 * for a bug.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  if ('code' in error && error.code === 'EADDRINUSE' && 'port' in error) {
    return `port ${String(error.port)} is already in use; choose another port, or 0 for any free port`;
  }
  const isBug = [TypeError, RangeError, ReferenceError, SyntaxError].some(
    (kind) => error instanceof kind,
  );
  return isBug ? (error.stack ?? error.message) : error.message;
}
