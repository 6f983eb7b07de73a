import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { Postgres } from '@sluice/testkit';
import { Looking, isWanted } from '../isolation/looking.ts';
import { builtCommand } from './daemon-build.ts';
import type { Runtime } from './runtime.ts';

const sourceCommand = path.resolve(import.meta.dirname, '../../packages/cli/bin/sluice.js');

/** Settings for all daemons of a run: SLUICE_TEST_SETTINGS='{"Interleaving":"always"}' npm test. */
const everywhere = JSON.parse(process.env['SLUICE_TEST_SETTINGS'] ?? '{}') as Record<
  string,
  unknown
>;

/** A line of the daemon's log, in pino's format. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

interface Listening {
  readonly host: string;
  readonly port: number;
}

/** The environment of a daemon. */
export interface Surroundings {
  /** A module to load first. */
  readonly preload?: string;
  /** A command that runs the daemon's own command, which is appended. */
  readonly within?: readonly string[];
  /** More environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A daemon in a separate process, as a user runs it: `sluice serve --config FILE`. */
export class Sluice {
  /** Every logged line. */
  readonly log: LogLine[] = [];
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #exited: Promise<number | null>;
  #settings: Record<string, unknown>;
  #endpoint: Listening = { host: '', port: 0 };
  #admin: Listening = { host: '', port: 0 };
  #isOver = false;
  #looking: Looking | null = null;
  #onLine: () => void = () => undefined;

  private constructor(child: ChildProcess, folder: string, settings: Record<string, unknown>) {
    this.#process = child;
    this.#folder = folder;
    this.#settings = settings;
    this.#exited = once(child, 'exit').then(([code]) => {
      this.#isOver = true;
      this.#onLine();
      return code as number | null;
    });
    if (child.stderr === null) throw new Error('the daemon has no standard error');
    createInterface(child.stderr).on('line', (line) => {
      this.log.push(readLine(line));
      this.#onLine();
    });
  }

  /** Starts a daemon in front of this database; more settings override those here. */
  static async start(
    target: Postgres,
    settings: Readonly<Record<string, unknown>> = {},
    runtime: Runtime = 'node',
    descriptors?: number,
    { preload, within = [], environment }: Surroundings = {},
  ): Promise<Sluice> {
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-serve-'));
    const all = {
      ListenPort: 0,
      AdminPort: 0,
      TargetHost: target.host,
      TargetPort: target.port,
      LogFormat: 'json',
      Users: [{ UserName: target.user, Password: target.password }],
      ...everywhere,
      ...settings,
    };
    const looking = isWanted ? await Looking.begin(target, folder) : null;
    // JSON is YAML.
    await writeFile(path.join(folder, 'sluice.yaml'), JSON.stringify(all, null, 2));
    const program =
      runtime === 'node'
        ? process.execPath
        : createRequire(import.meta.url).resolve('bun/bin/bun.exe');
    const first =
      preload === undefined ? [] : [runtime === 'node' ? '--import' : '--preload', preload];
    // A preloaded module shares modules with the source.
    const isSource = preload !== undefined || looking !== null;
    const command = isSource ? sourceCommand : await builtCommand(runtime);
    const args = [...first, command, 'serve', '--config', 'sluice.yaml'];
    const whole = [...within, program, ...(looking?.argumentsFor(runtime) ?? []), ...args];
    const [file = '', ...rest] =
      descriptors === undefined
        ? whole
        : ['sh', '-c', `ulimit -n ${descriptors}; exec "$0" "$@"`, ...whole];
    const child = spawn(file, rest, {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        ...looking?.environment,
        ...environment,
      },
    });
    const sluice = new Sluice(child, folder, all);
    sluice.#looking = looking;
    try {
      await sluice.#readAddresses();
    } catch (error) {
      await sluice.kill();
      throw error;
    }
    return sluice;
  }

  async #readAddresses(): Promise<void> {
    const ready = await this.logged((line) => line.msg === 'ready');
    const { endpoints, admin } = ready as unknown as {
      readonly endpoints: readonly [Listening];
      readonly admin: Listening;
    };
    this.#endpoint = endpoints[0];
    this.#admin = admin;
  }

  get host(): string {
    return this.#endpoint.host;
  }

  get port(): number {
    return this.#endpoint.port;
  }

  /** The address of the admin port. */
  get adminAddress(): { readonly host: string; readonly port: number } {
    return this.#admin;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Waits for a line in the log; fails if the daemon ends or 30 seconds pass without it. */
  async logged(wanted: (line: LogLine) => boolean): Promise<LogLine> {
    const deadline = performance.now() + 30_000;
    for (;;) {
      const found = this.log.find(wanted);
      if (found !== undefined) return found;
      const left = deadline - performance.now();
      if (this.#isOver || left <= 0) {
        throw new Error(
          `the daemon ${this.#isOver ? 'ended' : 'went on'} without the line in its log:\n${this.logText()}`,
        );
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#onLine = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The last lines of the log, for the message of a failed test. */
  logText(): string {
    return this.log
      .slice(-40)
      .map((line) => JSON.stringify(line))
      .join('\n');
  }

  /** The response of the admin port for a path. */
  async admin(
    pathname: string,
    method: 'GET' | 'POST' = 'GET',
  ): Promise<{ readonly status: number; readonly body: string }> {
    const url = `http://${this.#admin.host}:${this.#admin.port}${pathname}`;
    const response = await fetch(url, { method });
    return { status: response.status, body: await response.text() };
  }

  /** The value of a metric, summed over its labels. */
  async metric(name: string): Promise<number> {
    const { body } = await this.admin('/metrics');
    const lines = body.split('\n').filter((line) => line.startsWith(name));
    const values = lines.filter((line) => /^[{ ]/.test(line.slice(name.length)));
    return values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** The resident memory of the process, in bytes. Linux only. */
  async residentMemory(): Promise<number> {
    const { readFile } = await import('node:fs/promises');
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  /** Overrides settings in the file, which the daemon watches. */
  async rewrite(settings: Readonly<Record<string, unknown>>): Promise<void> {
    this.#settings = { ...this.#settings, ...settings };
    const file = path.join(this.#folder, 'sluice.yaml');
    await writeFile(file, JSON.stringify(this.#settings, null, 2));
  }

  /** Writes something into the settings file that is not valid; `rewrite({})` restores it. */
  async spoilSettings(): Promise<void> {
    await writeFile(path.join(this.#folder, 'sluice.yaml'), '{{ no settings');
  }

  /** Stops reading the log, so that its pipe fills up, or continues. */
  readLog(reads: boolean): void {
    if (reads) this.#process.stderr?.resume();
    else this.#process.stderr?.pause();
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** The exit code, once the process has ended; null after a signal that killed it. */
  exited(): Promise<number | null> {
    return this.#exited;
  }

  /** The exit code; fails if the process does not end in time. */
  async exitedWithin(milliseconds: number): Promise<number | null> {
    const late = delay(milliseconds, undefined, { ref: false });
    const code = await Promise.race([this.#exited, late]);
    if (code === undefined)
      throw new Error(`still there after ${milliseconds} ms:\n${this.logText()}`);
    return code;
  }

  /** Drains and ends the daemon as an operator does; returns its exit code, or fails if it hangs. */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM');
    const late = delay(30_000, undefined, { ref: false });
    const code = await Promise.race([this.#exited, late]);
    if (code !== undefined) await this.#looking?.end();
    await this.kill();
    if (code === undefined) {
      throw new Error(`the daemon did not end on SIGTERM:\n${this.logText()}`);
    }
    return code;
  }

  /** Kills the process if it still runs, and removes its files. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited;
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function readLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { level: 0, msg: line };
  }
}
