import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import type { Fault } from './fault.ts';
import { Link } from './link.ts';
import { reset } from './reset.ts';

/** A network in front of a server, in which faults can be injected. */
export class FaultProxy {
  readonly host = '127.0.0.1';
  readonly #target: { readonly host: string; readonly port: number };
  readonly #links = new Set<Link>();
  #server: Server;
  #port = 0;
  #fault: Fault = 'pass';
  /** New connections since the fault was set. */
  #arrived = 0;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer();
  }

  /** Starts one on a free port. */
  static async start(target: {
    readonly host: string;
    readonly port: number;
  }): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await proxy.#listen();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Connections through it. */
  get connections(): number {
    return this.#links.size;
  }

  /** Sets the fault, also for existing connections. */
  async set(fault: Fault): Promise<void> {
    this.#fault = fault;
    this.#arrived = 0;
    if (fault === 'refuse') {
      await this.#close();
      return;
    }
    if (!this.#server.listening) await this.#listen();
    for (const link of this.#links) link.set(fault);
  }

  /** Resets every existing connection; new ones are unaffected. */
  reset(): void {
    for (const link of [...this.#links]) link.reset();
  }

  /** Stops it and closes every connection through it. */
  async stop(): Promise<void> {
    await this.#close();
  }

  async #listen(): Promise<void> {
    this.#server = createServer({ noDelay: true }, (client) => {
      if (this.#refuses()) {
        reset(client);
        return;
      }
      const { host, port } = this.#target;
      const server = connect({ host, port, noDelay: true });
      const link = new Link(client, server, this.#fault, () => this.#links.delete(link));
      this.#links.add(link);
    });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, this.host, resolve);
    });
    const address = this.#server.address();
    if (address !== null && typeof address !== 'string') this.#port = address.port;
  }

  /** Whether the fault refuses a connection that has just arrived. */
  #refuses(): boolean {
    this.#arrived++;
    const fault = this.#fault;
    if (typeof fault !== 'object') return false;
    if ('atMost' in fault) return this.#links.size >= fault.atMost;
    return 'refuseEvery' in fault && this.#arrived % fault.refuseEvery === 0;
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    this.reset();
    await closed;
  }
}
