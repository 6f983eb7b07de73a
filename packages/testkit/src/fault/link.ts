import type { Socket } from 'node:net';
import type { Fault } from './fault.ts';
import { PreciseDelay } from './precise-delay.ts';
import { reset } from './reset.ts';

/** One connection through the network: the socket of the client, and the one to the server. */
export class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #ended: () => void;
  #fault: Fault;
  /** The number of bytes from the server before the connection is cut. */
  #left = Infinity;
  #over = false;
  /** One per direction, to preserve the order of bytes. */
  readonly #delays = { fromClient: new PreciseDelay(), fromServer: new PreciseDelay() };

  constructor(client: Socket, server: Socket, fault: Fault, ended: () => void) {
    this.#client = client;
    this.#server = server;
    this.#ended = ended;
    this.#fault = fault;
    this.#join(client, server);
    this.#join(server, client);
    this.set(fault);
  }

  set(fault: Fault): void {
    this.#fault = fault;
    this.#left = typeof fault === 'object' && 'cutAfter' in fault ? fault.cutAfter : Infinity;
    for (const socket of [this.#client, this.#server]) {
      if (fault === 'blackhole') socket.pause();
      else socket.resume();
    }
  }

  reset(): void {
    if (this.#over) return;
    this.#over = true;
    reset(this.#client);
    this.#server.destroy();
    this.#ended();
  }

  #join(from: Socket, to: Socket): void {
    const delays = from === this.#client ? this.#delays.fromClient : this.#delays.fromServer;
    /** In order: when a delay ends, delayed data comes first. */
    const inTurn = (act: () => void): void => {
      const fault = this.#fault;
      if (typeof fault === 'object' && 'delay' in fault) delays.run(fault.delay, act);
      else if (delays.isBusy) delays.run(0, act);
      else act();
    };
    from.on('data', (chunk: Buffer) => inTurn(() => this.#pass(from, to, chunk)));
    to.on('drain', () => {
      if (this.#fault !== 'blackhole') from.resume();
    });
    from.on('error', () => this.#close());
    // Behind a cut cable, the end of a connection is not visible.
    from.on('close', () => {
      if (this.#fault !== 'blackhole') inTurn(() => this.#close());
    });
  }

  #pass(from: Socket, to: Socket, chunk: Buffer): void {
    if (this.#over) return;
    if (from === this.#server && chunk.length >= this.#left) {
      to.write(chunk.subarray(0, this.#left), () => this.reset());
      this.#left = Infinity;
      from.pause();
      return;
    }
    if (from === this.#server) this.#left -= chunk.length;
    if (!to.write(chunk)) from.pause();
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#client.destroy();
    this.#server.destroy();
    this.#ended();
  }
}
