import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { ToldFailover } from '@sluice/proxy';

const command = path.resolve(import.meta.dirname, '../../packages/cli/bin/sluice.js');

/** A daemon in a process of its own, with all defaults that matter for fail-over. */
export class Daemon {
  readonly port: number;
  readonly #admin: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, admin: string, child: ChildProcess, folder: string) {
    this.port = port;
    this.#admin = admin;
    this.#child = child;
    this.#folder = folder;
  }

  static async start(settings: Readonly<Record<string, unknown>>): Promise<Daemon> {
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-bench-'));
    const all = { ListenPort: 0, AdminPort: 0, LogFormat: 'json', ...settings };
    // JSON is YAML.
    await writeFile(path.join(folder, 'sluice.yaml'), JSON.stringify(all));
    const child = spawn(process.execPath, [command, 'serve'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    if (child.stderr === null) throw new Error('the daemon has no standard error');
    return new Promise((resolve, reject) => {
      child.once('exit', () => reject(new Error('the daemon did not start')));
      createInterface(child.stderr as NodeJS.ReadableStream).on('line', (line) => {
        const { msg, endpoints, admin } = JSON.parse(line) as {
          readonly msg: string;
          readonly endpoints?: readonly { readonly port: number }[];
          readonly admin?: { readonly port: number };
        };
        if (msg !== 'ready') return;
        const [endpoint] = endpoints ?? [];
        resolve(
          new Daemon(endpoint?.port ?? 0, `http://127.0.0.1:${admin?.port ?? 0}`, child, folder),
        );
      });
    });
  }

  /** Asks the admin port. */
  async ask(method: 'GET' | 'POST', place: string): Promise<Record<string, unknown>> {
    const response = await fetch(this.#admin + place, { method });
    return (await response.json()) as Record<string, unknown>;
  }

  /** The first fail-over since a moment. */
  async storySince(time: number): Promise<ToldFailover | null> {
    const { failovers } = await this.ask('GET', '/targets');
    const stories = failovers as ToldFailover[];
    return stories.find(({ detectedAt }) => Date.parse(detectedAt) >= time) ?? null;
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
    await rm(this.#folder, { recursive: true, force: true });
  }
}
