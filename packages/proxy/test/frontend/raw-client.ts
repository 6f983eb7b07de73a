import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';

/** One message of the server: its code as a letter, and its body. */
export interface RawMessage {
  readonly code: string;
  readonly body: Buffer;
}

/** A client that sends the bytes of a test, and reads the replies. */
export class RawClient {
  #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  send(bytes: Buffer): this {
    this.#socket.write(bytes);
    return this;
  }

  /** Waits for a number of bytes. */
  async bytes(count: number): Promise<Buffer> {
    await this.#until(() => this.#received.length >= count);
    const bytes = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return bytes;
  }

  /** Waits for one message. */
  async message(): Promise<RawMessage> {
    const head = await this.bytes(5);
    const body = await this.bytes(head.readUInt32BE(1) - 4);
    return { code: head.toString('latin1', 0, 1), body };
  }

  /** Waits until the other side ends the connection; resolves to everything that was not read. */
  async end(): Promise<Buffer> {
    while (!this.#ended) await this.#change();
    return this.#received;
  }

  /** Encrypts the connection from now on. */
  async encrypt(options: ConnectionOptions = {}): Promise<void> {
    this.#socket.removeAllListeners('data');
    this.#socket = connectTls({ socket: this.#socket, rejectUnauthorized: false, ...options });
    this.#listen();
    await once(this.#socket, 'secureConnect');
  }

  close(): void {
    this.#socket.destroy();
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#ended)
        throw new Error(`the connection ended after ${JSON.stringify(this.#received.toString())}`);
      await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
