import type { BunHandlers, BunSocket, SocketOwner } from './bun-api.ts';

/** Notifies the owner of the socket, and passes it what its handler throws. A raw socket below TLS has no owner. */
function notify(socket: BunSocket, event: (owner: SocketOwner) => void): void {
  const owner = socket.data;
  if (owner === null) return;
  try {
    event(owner);
  } catch (error) {
    owner.broken(error);
  }
}

/** The callbacks for every socket. */
export const handlers: BunHandlers = {
  data(socket, bytes) {
    const owner = socket.data;
    if (owner === null) return;
    // Like `notify`, but without a closure, because it runs for every chunk.
    try {
      owner.read(bytes);
    } catch (error) {
      owner.broken(error);
    }
  },
  drain(socket) {
    notify(socket, (owner) => owner.drained());
  },
  end(socket) {
    notify(socket, (owner) => owner.peerEnded());
  },
  error(socket, error) {
    notify(socket, (owner) => owner.failed(error));
  },
  close(socket, error) {
    notify(socket, (owner) => owner.closed(error));
    // Bun's socket may be collected later: it must not keep the connection alive.
    socket.data = null;
  },
};
