import { QuietHandler } from './quiet-handler.ts';
import type { Transport } from './transport.ts';

/** The time that a peer has to read a short last message and to close its side, in milliseconds. */
export const closeTimeout = 5000;

/** Waits until a connection is closed, for a limited time. */
class Closing extends QuietHandler {
  readonly #timer: NodeJS.Timeout;

  constructor(transport: Transport, milliseconds: number) {
    super();
    this.#timer = setTimeout(() => transport.destroy(), milliseconds);
    // The connection itself keeps the process alive.
    this.#timer.unref();
  }

  override onClose(): void {
    clearTimeout(this.#timer);
  }
}

/**
 * For a connection that the proxy has ended on its own side: destroys it after so many milliseconds, whatever the peer
 * does. The peer may never close its side, not read the last bytes, or keep sending. Input is read and dropped until
 * then, because unread input would make the kernel reset the connection, and the last bytes might be lost.
 */
export function closeWithin(transport: Transport, milliseconds: number): void {
  transport.handler = new Closing(transport, milliseconds);
  transport.resume();
}
