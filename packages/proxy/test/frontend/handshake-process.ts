import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { makeCertificate } from '@sluice/testkit';
import type { Certificate } from '@sluice/testkit';
import { runtimes } from '../runtimes.ts';
import type { Runtime } from '../runtimes.ts';

/** The output of the handshake program. */
export interface Report {
  readonly event: string;
  readonly [name: string]: unknown;
}

/** Certificates in files, as the program needs them. */
export interface CertificateFiles {
  readonly server: Certificate;
  readonly settings: Readonly<Record<string, string>>;
}

/** A test or a suite, which runs cleanup functions at its end. */
interface Scope {
  readonly after: (clean: () => Promise<void>) => void;
}

/** Creates a certificate for the proxy, in files that are removed at the end of the scope. */
export async function certificateFiles(scope: Scope): Promise<CertificateFiles> {
  const folder = await mkdtemp(path.join(tmpdir(), 'sluice-handshake-'));
  scope.after(() => rm(folder, { recursive: true, force: true }));
  const server = await makeCertificate();
  const settings = {
    TlsCertFile: path.join(folder, 'cert.pem'),
    TlsKeyFile: path.join(folder, 'key.pem'),
    TlsCaFile: path.join(folder, 'ca.pem'),
  };
  await writeFile(settings.TlsCertFile, server.cert);
  await writeFile(settings.TlsKeyFile, server.key);
  await writeFile(settings.TlsCaFile, server.ca);
  return { server, settings };
}

/** The running handshake program. */
export class HandshakeProcess {
  readonly port: number;
  readonly #reports: Report[];
  readonly #watchers: Set<() => void>;

  private constructor(port: number, reports: Report[], watchers: Set<() => void>) {
    this.port = port;
    this.#reports = reports;
    this.#watchers = watchers;
  }

  /** Starts it on a runtime with settings; it ends with the scope. `abort` cancels each login halfway. */
  static async start(
    scope: Scope,
    runtime: Runtime,
    settings: Readonly<Record<string, unknown>>,
    abort = false,
  ): Promise<HandshakeProcess> {
    const program = path.join(import.meta.dirname, 'handshake-program.ts');
    const child = spawn(
      runtimes[runtime],
      [program, JSON.stringify({ TargetHost: 'unused', ...settings }), abort ? 'abort' : ''],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    scope.after(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    });
    const reports: Report[] = [];
    const watchers = new Set<() => void>();
    createInterface(child.stdout).on('line', (line) => {
      const event: Report = JSON.parse(line);
      reports.push(event);
      for (const watcher of watchers) watcher();
    });
    child.once('exit', () => {
      reports.push({ event: 'exited' });
      for (const watcher of watchers) watcher();
    });
    const process = new HandshakeProcess(0, reports, watchers);
    const { port } = await process.next('listening');
    assert(typeof port === 'number');
    return new HandshakeProcess(port, reports, watchers);
  }

  /** The next of these events; earlier ones are dropped. The end of the program fails the test. */
  next(...events: readonly string[]): Promise<Report> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        for (
          let event = this.#reports.shift();
          event !== undefined;
          event = this.#reports.shift()
        ) {
          if (!events.includes(event.event) && event.event !== 'exited') continue;
          this.#watchers.delete(look);
          if (event.event === 'exited') reject(new Error('the program of the handshake has ended'));
          else resolve(event);
          return;
        }
      };
      this.#watchers.add(look);
      look();
    });
  }
}
