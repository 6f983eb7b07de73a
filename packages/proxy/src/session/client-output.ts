import type { Transport } from '../io/transport.ts';
import { toClient } from '../io/write-buffer.ts';

/** The session of an output. An object, because a closure would cost every idle client some memory. */
export interface OutputOwner {
  /** The socket is full: call `drained` when it drains. */
  flow(): void;
}

/** The output to a client socket, with back-pressure. */
export class ClientOutput {
  readonly socket: Transport;
  /** The socket is full. */
  blocked = false;
  #isPaused = false;
  readonly #owner: OutputOwner;

  constructor(socket: Transport, owner: OutputOwner) {
    this.socket = socket;
    this.#owner = owner;
  }

  /** The number of bytes that the client has not accepted yet. */
  get unread(): number {
    return this.socket.unsent;
  }

  /** Collects `chunk[start, end)` for `flush`. */
  relay(chunk: Buffer, start: number, end: number): void {
    toClient.aimAt(this.socket);
    toClient.addRange(chunk, start, end);
  }

  /** Writes what was collected. */
  flush(): void {
    if (toClient.bytes > 0 && toClient.isFor(this.socket) && !toClient.writeTo(this.socket))
      this.#block();
  }

  /** Writes complete messages immediately. */
  write(bytes: Buffer): void {
    if (!this.socket.write(bytes)) this.#block();
  }

  drained(): void {
    this.blocked = false;
  }

  /** Pauses or resumes reading from the client. */
  setPaused(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.socket.pause();
    else this.socket.resume();
  }

  #block(): void {
    this.blocked = true;
    this.#owner.flow();
  }
}
