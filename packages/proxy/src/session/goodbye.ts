import type { Socket } from 'node:net';
import { unsent } from '../io/writer.ts';

/** How long a client that is being closed may take to read what it was sent, in milliseconds. */
const closeTimeout = 5000;

/** Sends what was written, then closes a client's socket. `silent`: the client expects nothing more. */
export function sayGoodbye(socket: Socket, tls: boolean, silent: boolean): void {
  if (silent && !tls && unsent(socket) === 0) {
    // Everything is with the kernel already: a shutdown before the close would cost a fifth of the whole goodbye.
    socket.destroy();
    return;
  }
  socket.resume();
  // A client that does not read is not waited for long.
  socket.setTimeout(closeTimeout, () => socket.destroy());
  socket.destroySoon();
}
