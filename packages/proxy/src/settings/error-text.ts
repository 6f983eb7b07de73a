/** What was thrown, in words: "ENOENT: no such file or directory, open '/etc/sluice.yaml'". */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
