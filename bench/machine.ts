import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describeMachine as describeThisMachine } from '@sluice/prove/machine';
import type { Machine as ThisMachine } from '@sluice/prove/machine';
import { bunPath } from './targets/bun-path.ts';

const run = promisify(execFile);

/** What the numbers depend on. No host name and no path: results are published. */
export interface Machine extends ThisMachine {
  readonly versions: Readonly<Record<string, string>>;
}

/** Finds out what the machine is, and which versions take part. */
export async function describeMachine(
  postgres: string,
  pgbouncer: string | undefined,
): Promise<Machine> {
  const versions: Record<string, string> = {
    node: process.versions.node,
    bun: await firstLine(bunPath(), ['--version']),
    pgbench: (await firstLine('pgbench', ['--version'])).replace(/^pgbench \(PostgreSQL\) /, ''),
    postgres,
  };
  if (pgbouncer !== undefined) {
    versions['pgbouncer'] = (await firstLine(pgbouncer, ['--version'])).replace(/^PgBouncer /, '');
  }
  return { ...(await describeThisMachine()), versions };
}

async function firstLine(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args);
  return stdout.split('\n', 1).join('').trim();
}
