/** A failed system call, as Node.js and Bun tell it: "ENOENT: no such file or directory, open '/etc/sluice.yaml'". */
const systemError = /^E[A-Z]+: (.+), \w+(?: ('.*'))?$/s;

/** What was thrown, in words, a failed system call without its code: "no such file or directory: '/etc/sluice.yaml'". */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [, what, which] = systemError.exec(error.message) ?? [];
  if (what === undefined) return error.message;
  return which === undefined ? what : `${what}: ${which}`;
}
