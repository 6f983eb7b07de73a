import type { Socket } from 'node:net';

/**
 * Ends a connection with a reset. One that is being shut down is only closed: Node.js cannot reset it, takes it for closing
 * all the same, and then waits for the end of it for ever, and busily, when the process leaves.
 */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
