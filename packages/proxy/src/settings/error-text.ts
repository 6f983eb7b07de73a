/** A failed system call, as in Node.js and Bun: "ENOENT: no such file or directory, open '/etc/sluice.yaml'". */
const systemError = /^E[A-Z]+: (.+), \w+(?: ('.*'))?$/s;

/**
 * The message of an exception; for a failed system call without its code: "no such file or directory:
 * '/etc/sluice.yaml'".
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [, what, which] = systemError.exec(error.message) ?? [];
  if (what === undefined) return error.message;
  return which === undefined ? what : `${what}: ${which}`;
}
