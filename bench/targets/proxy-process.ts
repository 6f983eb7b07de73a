import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { Address } from '../pgbench.ts';

const readyTimeoutMs = 15_000;

/** How to start a proxy. */
export interface ProxyCommand {
  /** The name in messages. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Receives the output of the proxy. */
  readonly logFile: string;
  readonly address: Address;
  readonly tls: boolean;
}

/** A proxy in a separate process. */
export class ProxyProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess, pid: number) {
    this.pid = pid;
    this.#child = child;
    this.#exited = once(child, 'exit');
    // For an error that ends the benchmark without stopping the proxy.
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
  }

  /** Starts it, and resolves when a client can log in through it. Otherwise throws with its log. */
  static async start(command: ProxyCommand): Promise<ProxyProcess> {
    const log = openSync(command.logFile, 'w');
    const child = spawn(command.program, command.args, { stdio: ['ignore', log, log] });
    closeSync(log);
    if (child.pid === undefined) {
      const [error] = await once(child, 'error');
      throw new Error(`${command.name} cannot be started: ${String(error)}`, { cause: error });
    }
    const proxy = new ProxyProcess(child, child.pid);
    try {
      await proxy.#waitUntilReady(command);
    } catch (error) {
      await proxy.stop();
      const lines = await readFile(command.logFile, 'utf8');
      throw new Error(`${command.name} does not serve: ${String(error)}\n${lines}`, {
        cause: error,
      });
    }
    return proxy;
  }

  async #waitUntilReady({ address, tls }: ProxyCommand): Promise<void> {
    const deadline = Date.now() + readyTimeoutMs;
    for (;;) {
      try {
        await logIn(address, tls);
        return;
      } catch (error) {
        if (Date.now() > deadline || this.#child.exitCode !== null) throw error;
      }
      await delay(50);
    }
  }

  /** Ends it with a drain, so that its runtime writes the collected profile. */
  async leave(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#exited;
  }

  /** Kills it, because a drain would wait. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill('SIGKILL');
      await this.#exited;
    }
  }
}

async function logIn(address: Address, tls: boolean): Promise<void> {
  const client = new Client({
    ...address,
    ssl: tls && { rejectUnauthorized: false },
    connectionTimeoutMillis: 5000,
  });
  // Later errors arrive as events, which must not end the benchmark.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
  } finally {
    await client.end();
  }
}

/** A TCP port on 127.0.0.1 that is currently free. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no TCP port is free');
  return address.port;
}
