import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { appendFile, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client, escapeIdentifier } from 'pg';
import type { QueryResult } from 'pg';
import type { Account } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';
import { configurationFile, formatParameters } from './configuration.ts';
import { startGuardian, unrefPipe } from './guardian.ts';
import type { Guardian } from './guardian.ts';

const run = promisify(execFile);

/** The three shutdown modes of PostgreSQL, and their signals. */
const shutdownSignals: Readonly<Record<ShutdownMode, NodeJS.Signals>> = {
  smart: 'SIGTERM',
  fast: 'SIGINT',
  immediate: 'SIGQUIT',
};

/**
 * `smart` waits until every client has disconnected, `fast` rolls back and disconnects them, `immediate` aborts, with
 * recovery at the next start.
 */
export type ShutdownMode = 'smart' | 'fast' | 'immediate';

/** The properties of a server; `startPostgres` sets them. */
export interface PostgresSetup {
  readonly binaries: PostgresBinaries;
  readonly account: Account;
  readonly dataDir: string;
  /** The directories that `stop()` removes. */
  readonly ephemeral: readonly string[];
  /** 0 picks a free one at the first start. */
  readonly port: number;
  /** Empty: no Unix socket. */
  readonly socketDirectory: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly hasTls: boolean;
  readonly within: readonly string[];
  readonly readyTimeoutMs: number;
  readonly onLog: (line: string) => void;
}

/** One PostgreSQL server on 127.0.0.1. */
export class Postgres {
  readonly host = '127.0.0.1';
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly dataDir: string;
  /** The properties of the server; a standby has the same. */
  readonly setup: PostgresSetup;
  #port: number;
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #guardian: Guardian | undefined;
  #lastLines: string[] = [];

  constructor(setup: PostgresSetup) {
    this.setup = setup;
    this.user = setup.user;
    this.password = setup.password;
    this.database = setup.database;
    this.dataDir = setup.dataDir;
    this.#port = setup.port;
  }

  /** The TCP port. It stays the same across restarts. */
  get port(): number {
    return this.#port;
  }

  /** `postgres://user:password@host:port/database` */
  get url(): string {
    const user = encodeURIComponent(this.user);
    const password = encodeURIComponent(this.password);
    return `postgres://${user}:${password}@${this.host}:${this.port}/${encodeURIComponent(this.database)}`;
  }

  /** The postmaster's process ID, or undefined while the server is stopped. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /**
   * Starts the server on its data, and resolves when it accepts connections.
   *
   * @throws Error with the last lines of PostgreSQL's log if it is not ready in time.
   */
  async start(signal?: AbortSignal): Promise<void> {
    if (this.#process !== undefined) return;
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      const port = this.#port === 0 ? await freePort() : this.#port;
      const started = await this.#startOn(port, signal);
      if (started) {
        this.#port = port;
        return;
      }
      // Another process may have taken the free port in the meantime. An explicitly chosen port is not changed.
      const taken =
        this.#port === 0 && this.#lastLines.some((line) => line.includes('could not bind'));
      if (!taken || attempt === 5) throw this.#startError(port);
    }
  }

  async #startOn(port: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { binaries, account, dataDir, ephemeral, within, socketDirectory } = this.setup;
    this.#lastLines = [];
    const [program, ...first] = [...within, binaries.postgres];
    const child = spawn(
      program,
      // On the command line, because they belong to this run and not to the data.
      [
        ...first,
        '-D',
        dataDir,
        `--port=${port}`,
        `--listen-addresses=${this.host}`,
        `--unix-socket-directories=${socketDirectory}`,
        '--logging-collector=off',
      ],
      {
        ...account,
        cwd: '/',
        // A separate session: Ctrl-C in the terminal must not shut the server down before the proxy has drained.
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe'],
        // Messages in English, and none of the PG* variables of clients.
        env: { PATH: process.env['PATH'], LC_ALL: 'C' },
      },
    );
    this.#process = child;
    this.#exited = new Promise<void>((resolve) => {
      child.once('error', (error) => {
        this.#lastLines.push(error.message);
        resolve();
      });
      child.once('exit', () => resolve());
    }).then(() => {
      if (this.#process === child) this.#process = undefined;
    });
    const lines = createInterface({ input: child.stderr });
    lines.on('line', (line) => this.#log(line));
    this.#guardian = startGuardian(dataDir, ephemeral);
    // A server that is never stopped must not keep its owner alive; the guardian stops it then.
    child.unref();
    unrefPipe(child.stderr);

    const timeout = AbortSignal.timeout(this.setup.readyTimeoutMs);
    const ready = await this.#waitUntilReady(
      child,
      signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    );
    if (!ready) {
      child.kill('SIGQUIT');
      await this.#exited;
      this.#guardian.dismiss();
    }
    return ready;
  }

  /**
   * The same check as `pg_ctl -w`: line 1 of postmaster.pid is the process ID, line 8 its state, padded with blanks.
   */
  async #waitUntilReady(child: ChildProcess, signal: AbortSignal): Promise<boolean> {
    const file = path.join(this.dataDir, 'postmaster.pid');
    while (this.#process === child) {
      if (signal.aborted) return false;
      const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
      const state = lines[7]?.trim();
      if (Number(lines[0]) === child.pid && (state === 'ready' || state === 'standby')) return true;
      await delay(10);
    }
    return false;
  }

  #log(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > 20) this.#lastLines.shift();
    this.setup.onLog(line);
  }

  #startError(port: number): Error {
    return new Error(
      `PostgreSQL did not start on ${this.host}:${port} with the data in ${this.dataDir}; its log ends with:\n` +
        this.#lastLines.map((line) => `  ${line}`).join('\n'),
    );
  }

  /** Shuts the server down. Its files stay, and `start()` restarts it on the same port. */
  async shutdown(mode: ShutdownMode = 'fast'): Promise<void> {
    this.#process?.kill(shutdownSignals[mode]);
    await this.#ended();
  }

  /**
   * Simulates a power failure: kills all processes of the server (SIGKILL) at once, so that no connection is closed in
   * order. The files stay, and `start()` recovers.
   */
  async kill(): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    // Each child leads its own process group, so the group of the postmaster does not include them.
    const children = await childrenOf(pid);
    for (const victim of [pid, ...children]) sendSignal(victim, 'SIGKILL');
    await this.#ended();
    while (children.some((child) => sendSignal(child, 0))) await delay(5);
  }

  /** Shuts the server down if it is running, and removes its files, unless its data is kept. */
  async stop(mode: ShutdownMode = 'fast'): Promise<void> {
    await this.shutdown(mode);
    const { ephemeral } = this.setup;
    await removeSharedMemory(this.dataDir);
    // Of a thousand files, `rm` of `node:fs` needs twice the CPU time; it knows what to do with what is still being
    // written.
    await run('rm', ['-rf', ...ephemeral]).catch(async () => {
      for (const folder of ephemeral)
        await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    });
  }

  async #ended(): Promise<void> {
    // The event loop must stay alive until the process exits.
    this.#process?.ref();
    await this.#exited;
    this.#guardian?.dismiss();
    this.#guardian = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Runs SQL on a separate connection, as the superuser.
   *
   * @returns the rows, by column name; for several statements, those of the last.
   */
  async query<Row extends object = Record<string, unknown>>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    return this.#queryIn<Row>(this.database, text, values);
  }

  async #queryIn<Row extends object>(
    database: string,
    text: string,
    values: readonly unknown[],
  ): Promise<Row[]> {
    const { host, port, user, password } = this;
    // This server's own certificate, created by the same user: verification would add nothing.
    const ssl = this.setup.hasTls ? { rejectUnauthorized: false } : false;
    const client = new Client({ host, port, user, password, database, ssl });
    // The query reports a lost connection already; `pg` would also throw it.
    client.on('error', () => undefined);
    await client.connect();
    try {
      // With an empty list, `pg` uses the simple protocol, which accepts several statements.
      const result: QueryResult<Row> | QueryResult<Row>[] = await client.query<Row>(text, [
        ...values,
      ]);
      return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? [];
    } finally {
      await client.end();
    }
  }

  /** Creates the server's database if it does not exist. */
  async createDatabase(): Promise<void> {
    if (this.database === 'postgres') return;
    const there = await this.#queryIn('postgres', 'SELECT FROM pg_database WHERE datname = $1', [
      this.database,
    ]);
    if (there.length > 0) return;
    await this.#queryIn('postgres', `CREATE DATABASE ${escapeIdentifier(this.database)}`, []);
  }

  /** Sets parameters in addition to existing ones; they take effect at the next start or `reload()`. */
  async configure(parameters: Readonly<Record<string, string>>): Promise<void> {
    await appendFile(path.join(this.dataDir, configurationFile), formatParameters(parameters));
  }

  /** Makes the server reload its configuration. */
  reload(): void {
    this.#process?.kill('SIGHUP');
  }
}

async function childrenOf(parent: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=', '-o', 'ppid=']);
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, ppid]) => ppid === parent)
    .map(([pid = 0]) => pid);
}

/** False if the process does not exist. */
function sendSignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/**
 * A killed server leaves a small System V segment, which it would find at its next start; line 7 of postmaster.pid has
 * its key and ID. After an orderly shutdown the file does not exist.
 */
async function removeSharedMemory(dataDir: string): Promise<void> {
  const content = await readFile(path.join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const id = content.split('\n')[6]?.trim().split(/\s+/)[1];
  if (id !== undefined) await run('ipcrm', ['-m', id]).catch(() => undefined);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  if (address === null || typeof address === 'string') throw new Error('no free TCP port');
  return address.port;
}
