import { closeWithin } from '../io/close-within.ts';
import type { Transport } from '../io/transport.ts';

/** If the client accepts none of the last bytes for this long, the proxy destroys the socket, in milliseconds. */
const idleTimeout = 5000;
/** How long the client has to accept all of them, in milliseconds. */
const flushTimeout = 30_000;

/** Flushes the output, then closes the socket of a client. `silent`: the proxy sends nothing more. */
export function flushAndClose(socket: Transport, tls: boolean, silent: boolean): void {
  // The kernel has everything already. A shutdown before the close would take a fifth of the time of this function.
  if (socket.isEnded || (silent && !tls && socket.unsent === 0)) {
    socket.destroy();
    return;
  }
  socket.endAndClose();
  socket.destroyWhenIdle(idleTimeout);
  closeWithin(socket, flushTimeout);
}
