import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describeMachine as describeThisMachine } from '@sluice/prove/machine';
import type { Machine as ThisMachine } from '@sluice/prove/machine';
import { bunPath } from './targets/bun-path.ts';

const run = promisify(execFile);

/** The environment that the numbers depend on. No host name and no path, because results are published. */
export interface Machine extends ThisMachine {
  readonly versions: Readonly<Record<string, string>>;
}

/** Describes the machine and the versions of the participants. */
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
