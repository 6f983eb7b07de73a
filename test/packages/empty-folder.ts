import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** The output and the exit code of a command. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A new user's folder: empty, outside the repository, with none of its tools on the PATH. */
export class EmptyFolder {
  readonly path: string;

  private constructor(folder: string) {
    this.path = folder;
  }

  static async make(): Promise<EmptyFolder> {
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-stranger-'));
    // PostgreSQL runs as another user if the test runs as root.
    await chmod(folder, 0o711);
    await writeFile(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
    return new EmptyFolder(folder);
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }

  /** Runs a program in the folder; `first` is a folder to search before the PATH. */
  run(program: string, args: readonly string[], first?: string): Promise<Result> {
    return new Promise((resolve, reject) => {
      execFile(
        program,
        args,
        { cwd: this.path, env: this.#environment(first), maxBuffer: 64 * 1024 * 1024 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : error.code;
          if (typeof code === 'number') resolve({ code, stdout, stderr });
          else reject(error ?? new Error(`${program} has not run`));
        },
      );
    });
  }

  /** Starts a program in the folder. */
  start(program: string, args: readonly string[], first?: string): ChildProcess {
    return spawn(program, args, {
      cwd: this.path,
      env: this.#environment(first),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  /** Installs packages with npm, or with another program that has the same arguments; throws if that fails. */
  async install(packages: readonly string[], first?: string, program = 'npm'): Promise<void> {
    const [add, ...flags] =
      program === 'npm' ? ['install', '--no-audit', '--no-fund'] : ['add', '--no-summary'];
    const { code, stdout, stderr } = await this.run(
      program,
      [add ?? 'install', ...flags, ...packages],
      first,
    );
    if (code !== 0) throw new Error(`${program} ${packages.join(' ')}:\n${stdout}${stderr}`);
  }

  /** The installed size on disk, in megabytes (10^6 bytes). */
  get megabytes(): number {
    return sizeOf(path.join(this.path, 'node_modules')) / 1e6;
  }

  #environment(first: string | undefined): NodeJS.ProcessEnv {
    const own = process.env['PATH']?.split(path.delimiter) ?? [];
    const search = own.filter((folder) => !folder.includes('node_modules'));
    return {
      ...Object.fromEntries(
        Object.entries(process.env).filter(
          ([name]) =>
            !/^(npm_|SLUICE_|INIT_CWD|NODE_OPTIONS|NODE_ENV|NODE_TEST_CONTEXT)/.test(name),
        ),
      ),
      PATH: [...(first === undefined ? [] : [first]), ...search].join(path.delimiter),
    };
  }
}

function sizeOf(file: string): number {
  const status = lstatSync(file);
  // `blocks` counts units of 512 bytes, whatever the block size of the disk.
  const own = status.blocks * 512;
  if (!status.isDirectory()) return own;
  return readdirSync(file).reduce((sum, name) => sum + sizeOf(path.join(file, name)), own);
}
