import { closeWithin } from '../io/close-within.ts';
import type { Transport } from '../io/transport.ts';

/** The socket is destroyed if the client takes none of the last bytes for so long, in milliseconds. */
const idleTimeout = 5000;
/** The time that a client has to take all of them, in milliseconds. */
const flushTimeout = 30_000;

/** Flushes the output, then closes the socket of a client. `silent`: the proxy sends nothing more. */
export function flushAndClose(socket: Transport, tls: boolean, silent: boolean): void {
  // If the kernel has everything already, a shutdown before the close would take a fifth of the time of this function.
  if (socket.isEnded || (silent && !tls && socket.unsent === 0)) {
    socket.destroy();
    return;
  }
  socket.endAndClose();
  socket.destroyWhenIdle(idleTimeout);
  closeWithin(socket, flushTimeout);
}
