import type { Transport } from '../io/transport.ts';

/** How long a client can take to read the last bytes before its socket is destroyed, in milliseconds. */
const closeTimeout = 5000;

/** Flushes the output, then closes the socket of a client. `silent`: the client expects nothing more. */
export function sayGoodbye(socket: Transport, tls: boolean, silent: boolean): void {
  if (silent && !tls && socket.unsent === 0) {
    // The kernel has everything already. A shutdown before the close would take a fifth of the whole function.
    socket.destroy();
    return;
  }
  socket.resume();
  // Do not wait long for a client that does not read.
  socket.endAndClose();
  socket.destroyWhenIdle(closeTimeout);
}
