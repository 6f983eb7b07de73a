import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import type { Address } from '../../helpers/raw-client.ts';

/** A program of a suite. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** The file that receives all its output, too. */
  readonly log: string;
  /** The time after which it is killed, in milliseconds. */
  readonly patienceMs: number;
}

/** The exit code and the output of a program. */
export interface Outcome {
  /** `null` if it was killed. */
  readonly code: number | null;
  readonly output: string;
  readonly seconds: number;
}

/** Runs a program to its end. A hanging program is killed together with the processes that it started. */
export async function runCommand(
  { program, args, cwd, env, log, patienceMs }: Command,
  onLine: (line: string) => void = () => undefined,
): Promise<Outcome> {
  await mkdir(path.dirname(log), { recursive: true });
  const began = performance.now();
  // In its own process group, because test runners start more processes.
  const child = spawn(program, args, {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const file = createWriteStream(log, { flags: 'a' });
  file.write(`$ ${program} ${args.join(' ')}\n`);
  let output = '';
  const take = (data: Buffer): void => {
    output += data.toString('utf8');
    file.write(data);
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  createInterface(child.stdout).on('line', onLine);
  const timer = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, patienceMs);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    file.write(code === null ? `\nkilled (at most ${patienceMs / 1000} s)\n` : '\n');
    return { code, output, seconds: (performance.now() - began) / 1000 };
  } finally {
    clearTimeout(timer);
    await new Promise((resolve) => file.end(resolve));
  }
}

/** The suites must not get the user's settings. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG|NODE_)/.test(name)),
  );
}

/** The variables that libpq and compatible drivers read. */
export function postgresEnvironment(address: Address): Record<string, string> {
  return {
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGUSER: address.user,
    PGPASSWORD: address.password,
    PGDATABASE: address.database,
  };
}

/** Creates what a suite expects in the database. */
export async function execute(address: Address, statements: readonly string[]): Promise<void> {
  const client = new pg.Client(address);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Fails with a sentence for the user if the folder is not the one that the suite needs. */
export async function readRequired(file: string, why: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new Error(`${file} cannot be read: ${why}`, { cause: error });
  });
}

/** The version in a package.json or pyproject.toml. */
export function versionIn(text: string): string {
  return /"?version"?\s*[:=]\s*"([^"]+)"/.exec(text)?.[1] ?? 'unknown';
}
