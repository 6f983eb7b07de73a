/** Replaces `tests/bootstrap.js` of postgres.js: roles and database exist already. */
import { spawnSync } from 'node:child_process';

export function exec(program: string, args: readonly string[]): void {
  const { error, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (/^(?!WARNING:).*(ERROR|FATAL)/m.test(stderr)) throw new Error(stderr);
}
