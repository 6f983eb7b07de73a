import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Address } from '../pgbench.ts';

/** A request to the load program. */
export interface Order {
  readonly address: Address;
  readonly tls: boolean;
  /** The number of clients to keep open. */
  readonly clients: number;
}

/** Its response. */
export type Answer = { readonly clients: number } | { readonly error: string };

/** Clients of one target that are logged in and idle. */
export class IdleClients {
  readonly #child: ChildProcess;
  readonly #address: Address;
  readonly #tls: boolean;

  constructor(address: Address, tls: boolean) {
    this.#address = address;
    this.#tls = tls;
    this.#child = fork(path.join(import.meta.dirname, 'load.ts'));
  }

  /** Opens clients up to this number. */
  async open(clients: number, signal: AbortSignal): Promise<void> {
    requireOpenFiles(clients);
    this.#child.send({ address: this.#address, tls: this.#tls, clients } satisfies Order);
    const [answer]: Answer[] = await Promise.race([
      once(this.#child, 'message', { signal }),
      once(this.#child, 'exit', { signal }).then(([code]) => [
        { error: `it ended with ${String(code)}` },
      ]),
    ]);
    if (answer !== undefined && 'error' in answer) {
      throw new Error(`${clients} idle clients could not be opened: ${answer.error}`);
    }
  }

  /** Closes all. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}

/** Every client needs a file descriptor in the load program and in the proxy, which inherit this process's limit. */
function requireOpenFiles(clients: number): void {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const allowed = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  const needed = clients + 200;
  if (allowed < needed) {
    throw new Error(
      `${clients} idle clients need ${needed} open files, and this machine allows ${allowed}; raise ulimit -n`,
    );
  }
}
