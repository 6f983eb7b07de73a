import type { Socket } from 'node:net';

/**
 * Closes a connection with a reset. A socket that is shutting down is only closed: Node.js cannot reset it, but would
 * consider it closing, and would then wait for its end forever, busily, when the process exits.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
