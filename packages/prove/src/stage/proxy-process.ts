import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { ReportedFailover } from '@sluice/proxy';
import type { ProxyMessage } from './proxy-main.ts';

/** The module beside this one: TypeScript in the repository, JavaScript in the package. */
const program = path.join(import.meta.dirname, `proxy-main${path.extname(import.meta.filename)}`);

/** Long enough for a busy machine. */
const startTimeoutMs = 30_000;

/** Sluice in a process of its own, which ends with this one, however this one ends. */
export class ProxyProcess {
  readonly port: number;
  readonly pid: number;
  readonly #admin: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number, adminPort: number) {
    this.port = port;
    this.pid = child.pid ?? 0;
    this.#admin = `http://127.0.0.1:${adminPort}`;
    this.#child = child;
  }

  /** Starts it on free ports, and resolves when it serves. Throws with what it said when it does not. */
  static async start(settings: Readonly<Record<string, unknown>>): Promise<ProxyProcess> {
    const child = fork(program, {
      // A process group of its own: Ctrl-C in the terminal must not end it before the load has stopped.
      detached: true,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
    });
    try {
      child.send({ ListenPort: 0, AdminPort: 0, LogLevel: 'warn', ...settings });
      const { port, adminPort } = await firstMessage(child);
      return new ProxyProcess(child, port, adminPort);
    } catch (error) {
      child.kill('SIGKILL');
      throw new Error(`Sluice did not start: ${String(error)}\n${said.trim()}`, { cause: error });
    }
  }

  /** Asks the admin port. */
  async ask(method: 'GET' | 'POST', place: string): Promise<Record<string, unknown>> {
    const response = await fetch(this.#admin + place, { method });
    return (await response.json()) as Record<string, unknown>;
  }

  /** The metrics, as Prometheus reads them. */
  async metrics(): Promise<string> {
    const response = await fetch(`${this.#admin}/metrics`);
    return response.text();
  }

  /** The first failover since a moment. */
  async failoverSince(time: number): Promise<ReportedFailover | null> {
    const { failovers } = await this.ask('GET', '/targets');
    return (
      (failovers as ReportedFailover[]).find(({ detectedAt }) => Date.parse(detectedAt) >= time) ??
      null
    );
  }

  /** Kills it: nothing of it is needed any more, and a drain would wait. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

async function firstMessage(child: ChildProcess): Promise<ProxyMessage> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer in 30 s')), startTimeoutMs);
    child.once('message', (message) => {
      clearTimeout(timer);
      resolve(message as ProxyMessage);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`it ended with exit code ${code}`));
    });
  });
}
