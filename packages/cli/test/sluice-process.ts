import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { builtCommand } from '../../../test/helpers/daemon-build.ts';

/** Built once: from its source, each process needs half a second of CPU time more to start. */
const built = { node: await builtCommand('node'), bun: await builtCommand('bun') };
const bun = createRequire(import.meta.url).resolve('bun/bin/bun.exe');
const bin = path.resolve(import.meta.dirname, '../bin/sluice.js');
const repository = path.resolve(import.meta.dirname, '../../..');

/** How long a test waits for a line before it fails with the actual output, in milliseconds. */
const patience = 60_000;

/** The runtimes of the command. */
export const runtimes = ['node', 'bun'] as const;
export type Runtime = (typeof runtimes)[number];

/** A folder for one test. Other users can enter it, since PostgreSQL runs as `nobody` if the test runs as root. */
export function temporaryFolder(t: TestContext): string {
  const folder = makeFolder();
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function makeFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-cli-test-'));
  chmodSync(folder, 0o711);
  return folder;
}

/**
 * A `sluice` command in a separate process, with a folder for its temporary files. After the test nothing may remain:
 * the process must have ended by itself, with its files removed and without a process that it started.
 */
export class SluiceProcess {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #lines: string[] = [];
  readonly #exit: Promise<number | null>;
  #watchLine: () => void = () => undefined;

  constructor(
    t: TestContext,
    args: readonly string[],
    options: {
      runtime?: Runtime;
      env?: NodeJS.ProcessEnv;
      cwd?: string;
      npm?: 'run' | 'npx';
      terminal?: boolean;
      /** Runs `bin/sluice.js`, which chooses the runtime. Default: the built command on its runtime. */
      bin?: boolean;
    } = {},
  ) {
    this.#folder = makeFolder();
    const { runtime = 'node', env, cwd, npm, terminal = false, bin: isBin = false } = options;
    const program = isBin
      ? [process.execPath, bin]
      : [runtime === 'bun' ? bun : process.execPath, built[runtime]];
    // With npm as in the README; signals then go only to npm, as from a process manager.
    const command =
      npm === undefined
        ? [...program, ...args]
        : npm === 'npx'
          ? ['npx', '--no-install', 'sluice', ...args]
          : ['npm', 'run', '--silent', 'sluice', '--', ...args];
    const [file = '', ...rest] = terminal ? inTerminal(command) : command;
    this.#child = spawn(file, rest, {
      cwd: npm === undefined ? cwd : repository,
      env: {
        ...process.env,
        SLUICE_RUNTIME: runtime,
        TMPDIR: this.#folder,
        // npm would keep its own cache there.
        ...(process.env['NODE_COMPILE_CACHE'] === undefined && {
          NODE_DISABLE_COMPILE_CACHE: '1',
        }),
        ...env,
      },
      stdio: [terminal ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    });
    this.#exit = once(this.#child, 'close').then(([code]: (number | null)[]) => code ?? null);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      assert(stream !== null);
      const isOut = stream === this.#child.stdout;
      createInterface({ input: stream }).on('line', (line) => {
        (isOut ? this.stdout : this.stderr).push(line);
        this.#lines.push(line);
        this.#watchLine();
      });
    }
    t.after(async () => {
      try {
        await this.#checkNothingLeft();
      } finally {
        rmSync(this.#folder, { recursive: true, force: true });
      }
    });
  }

  readonly stdout: string[] = [];
  readonly stderr: string[] = [];

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /**
   * The first line of either output that matches and was not returned before. Fails if the process ends without it, or
   * if it does not come in time.
   */
  async line(pattern: RegExp): Promise<string> {
    const late = AbortSignal.timeout(patience);
    const given = new Promise<'late'>((resolve) => {
      late.addEventListener('abort', () => resolve('late'));
    });
    const ended = this.#exit.then(() => 'ended' as const);
    for (;;) {
      const received = new Promise<'heard'>((resolve) => {
        this.#watchLine = () => resolve('heard');
      });
      const found = this.#lines.findIndex((line) => pattern.test(line));
      if (found !== -1) {
        const [line = ''] = this.#lines.splice(found, 1);
        return line;
      }
      const why = await Promise.race([received, ended, given]);
      if (why !== 'heard' && !this.#lines.some((line) => pattern.test(line))) {
        assert.fail(`no line like ${pattern} (${why}):\n${this.#output()}`);
      }
    }
  }

  /** Types on the terminal of the process. */
  type(text: string): void {
    assert(this.#child.stdin !== null, 'there is no terminal');
    this.#child.stdin.write(text);
  }

  /** Sends a signal, as Ctrl-C (SIGINT) or `kill` (SIGTERM). */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until the process has ended; resolves to its exit code, or null if a signal ended it. */
  exit(): Promise<number | null> {
    return this.#exit;
  }

  /** Ends it with a signal, and verifies that it ended properly. */
  async stop(signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
    this.signal(signal);
    assert.equal(await this.#exit, 0, this.#output());
  }

  async #checkNothingLeft(): Promise<void> {
    const hasEnded = this.#child.exitCode !== null || this.#child.signalCode !== null;
    if (!hasEnded) {
      // Not SIGKILL, because the processes that it started have to end with it. Repeated, since the first signal only
      // drains.
      const asking = setInterval(() => this.#child.kill('SIGTERM'), 100);
      await this.#exit;
      clearInterval(asking);
      assert.fail(`was still running at the end of the test:\n${this.#output()}`);
    }
    assert.deepEqual(readdirSync(this.#folder), [], 'temporary files were left');
    const processes = execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' }).split('\n');
    assert.deepEqual(
      processes.filter((line) => line.includes(this.#folder)),
      [],
    );
  }

  #output(): string {
    return [...this.stdout, ...this.stderr].join('\n');
  }
}

/** Runs a command in a new terminal with `script`, whose options differ between Linux and macOS. */
function inTerminal(command: readonly string[]): readonly string[] {
  if (process.platform === 'darwin') return ['script', '-q', '/dev/null', ...command];
  const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  return ['script', '--quiet', '--return', '--command', `exec ${quoted}`, '/dev/null'];
}
