import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { promisify } from 'node:util';
import { bunPath } from './targets/bun-path.ts';

const run = promisify(execFile);

/** What the numbers depend on. No host name and no path: results are published. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Load average over one minute before the run: above 0.5, something else was using the machine. */
  readonly loadBefore: number;
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
  return {
    cores: os.availableParallelism(),
    cpu: await cpuModel(),
    memoryBytes: os.totalmem(),
    kernel: `${os.type()} ${os.release().split('-', 1).join('')}`,
    versions,
    loadBefore: os.loadavg()[0] ?? 0,
  };
}

async function firstLine(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(program, args);
  return stdout.split('\n', 1).join('').trim();
}

/** Of `os.cpus()`, Node.js needs a clock speed to fill in the model, which virtual machines do not always give. */
async function cpuModel(): Promise<string> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  return /^model name\s*:\s*(.+)$/m.exec(text)?.[1] ?? os.cpus()[0]?.model ?? 'unknown';
}
