import type { Socket } from 'node:net';
import { toClient } from '../io/write-buffer.ts';
import { unsent } from '../io/writer.ts';

/** What a client is sent, and whether it takes it: the client's socket, as the proxy writes to it. */
export class ClientOutput {
  readonly socket: Socket;
  /** The socket has taken all it can. */
  blocked = false;
  #isPaused = false;
  readonly #onBlocked: () => void;

  /** `onBlocked` is called when the socket has taken all it can; it has to be told of `drained`. */
  constructor(socket: Socket, onBlocked: () => void) {
    this.socket = socket;
    this.#onBlocked = onBlocked;
  }

  /** Bytes that the client has not taken yet. */
  get unread(): number {
    return unsent(this.socket);
  }

  /** Gathers `chunk[start, end)` for `flush`. */
  relay(chunk: Buffer, start: number, end: number): void {
    toClient.aimAt(this.socket);
    toClient.addRange(chunk, start, end);
  }

  /** Writes what was gathered. */
  flush(): void {
    if (toClient.bytes > 0 && toClient.isFor(this.socket) && !toClient.writeTo(this.socket))
      this.#block();
  }

  /** Writes whole messages at once. */
  write(bytes: Buffer): void {
    if (!this.socket.write(bytes)) this.#block();
  }

  drained(): void {
    this.blocked = false;
  }

  /** Whether anything is read from the client. */
  setPaused(isPaused: boolean): void {
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    if (isPaused) this.socket.pause();
    else this.socket.resume();
  }

  #block(): void {
    this.blocked = true;
    this.#onBlocked();
  }
}
