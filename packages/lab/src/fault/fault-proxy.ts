import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/**
 * What the network does: `pass` lets everything through, `refuse` refuses new connections and resets those there are,
 * `blackhole` takes what is sent and answers nothing, as behind a cut cable.
 */
export type Fault = 'pass' | 'refuse' | 'blackhole';

/** A stretch of network before a server, which can be made to fail. */
export class FaultProxy {
  readonly host = '127.0.0.1';
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Map<Socket, Socket>();
  #server: Server;
  #port = 0;
  #fault: Fault = 'pass';

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

  /** Sets what happens from now on, also to connections that are there. */
  async set(fault: Fault): Promise<void> {
    this.#fault = fault;
    if (fault === 'refuse') {
      await this.#close();
      return;
    }
    if (!this.#server.listening) await this.#listen();
    for (const [client, server] of this.#pairs) {
      for (const socket of [client, server]) {
        if (fault === 'blackhole') socket.pause();
        else socket.resume();
      }
    }
  }

  /** Ends it and every connection through it. */
  async stop(): Promise<void> {
    await this.#close();
  }

  async #listen(): Promise<void> {
    this.#server = createServer({ noDelay: true }, (client) => this.#accept(client));
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, this.host, resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  #accept(client: Socket): void {
    const { host, port } = this.#target;
    const server = connect({ host, port, noDelay: true });
    this.#pairs.set(client, server);
    const end = (): void => {
      this.#pairs.delete(client);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      const other = socket === client ? server : client;
      socket.on('data', (chunk: Buffer) => {
        if (!other.write(chunk)) socket.pause();
      });
      socket.on('drain', () => {
        if (this.#fault === 'pass') other.resume();
      });
      socket.on('error', end);
      socket.on('close', () => {
        // Nobody hears of an end behind a cut cable.
        if (this.#fault !== 'blackhole') end();
      });
      if (this.#fault === 'blackhole') socket.pause();
    }
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.#server.listening) this.#server.close(() => resolve());
      else resolve();
    });
    for (const [client, server] of this.#pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
    this.#pairs.clear();
    await closed;
  }
}
