/**
 * What to tell about an error that ended a command. What is wrong with what the user gave or with the machine is told in
 * a sentence; a mistake of ours comes with the place in the code.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) {
    return String(error);
  }
  if ('code' in error && error.code === 'EADDRINUSE' && 'port' in error) {
    return `port ${String(error.port)} is already in use; choose another port, or 0 for any free port`;
  }
  const isOurs = [TypeError, RangeError, ReferenceError, SyntaxError].some(
    (kind) => error instanceof kind,
  );
  return isOurs ? (error.stack ?? error.message) : error.message;
}
