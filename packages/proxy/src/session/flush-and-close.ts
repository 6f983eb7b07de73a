import type { Transport } from '../io/transport.ts';

/** The time that a client has to read the last bytes before its socket is destroyed, in milliseconds. */
const closeTimeout = 5000;

/** Flushes the output, then closes the socket of a client. `silent`: the proxy sends nothing more. */
export function flushAndClose(socket: Transport, tls: boolean, silent: boolean): void {
  if (silent && !tls && socket.unsent === 0) {
    // The kernel has everything already. A shutdown before the close would take a fifth of the time of this function.
    socket.destroy();
    return;
  }
  socket.resume();
  // Do not wait long for a client that does not read.
  socket.endAndClose();
  socket.destroyWhenIdle(closeTimeout);
}
