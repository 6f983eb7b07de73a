import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { ReportedFailover } from '@sluice/proxy';
import { hasFailovers } from '@sluice/proxy/admin-json';
import { isNumber, objectOf, parseJson } from '@sluice/proxy/json';
import type { Guard } from '@sluice/proxy/json';
import type { ProxyMessage } from './proxy-main.ts';

/** The module in the same folder: TypeScript in the repository, JavaScript in the package. */
const program = path.join(import.meta.dirname, `proxy-main${path.extname(import.meta.filename)}`);

/** Long enough for a busy machine. */
const startTimeoutMs = 30_000;

/** Sluice in a separate process, which ends with this one, however that ends. */
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

  /** Starts it on free ports, and resolves when it serves. If it does not, the error contains its output. */
  static async start(settings: Readonly<Record<string, unknown>>): Promise<ProxyProcess> {
    const child = fork(program, {
      // A separate process group, because Ctrl-C in the terminal must not end it before the load has stopped.
      detached: true,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    let output = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4000);
    });
    try {
      child.send({ ListenPort: 0, AdminPort: 0, LogLevel: 'warn', ...settings });
      const { port, adminPort } = await firstMessage(child);
      return new ProxyProcess(child, port, adminPort);
    } catch (error) {
      child.kill('SIGKILL');
      throw new Error(`Sluice did not start: ${String(error)}\n${output.trim()}`, { cause: error });
    }
  }

  /** Sends a request to the admin port. */
  async request<Value>(method: 'GET' | 'POST', place: string, guard: Guard<Value>): Promise<Value> {
    const response = await fetch(this.#admin + place, { method });
    const value = parseJson(await response.text(), guard);
    if (value === undefined) throw new Error(`unexpected response to ${method} ${place}`);
    return value;
  }

  /** The metrics in the Prometheus text format. */
  async metrics(): Promise<string> {
    const response = await fetch(`${this.#admin}/metrics`);
    return response.text();
  }

  /** The first failover since this time. */
  async failoverSince(time: number): Promise<ReportedFailover | null> {
    const { failovers } = await this.request('GET', '/targets', hasFailovers);
    return failovers.find(({ detectedAt }) => Date.parse(detectedAt) >= time) ?? null;
  }

  /** Kills it, because a drain would wait. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}

const isProxyMessage: Guard<ProxyMessage> = objectOf<ProxyMessage>({
  port: isNumber,
  adminPort: isNumber,
});

async function firstMessage(child: ChildProcess): Promise<ProxyMessage> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer in 30 s')), startTimeoutMs);
    child.once('message', (message) => {
      clearTimeout(timer);
      if (isProxyMessage(message)) resolve(message);
      else reject(new Error('it sent an unexpected message'));
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`it ended with exit code ${code}`));
    });
  });
}
