import type { BunHandlers, BunSocket, SocketOwner } from './bun-api.ts';

/** Tells the owner of the socket; what its handler throws goes to the handler. Below TLS, a socket has no owner any more. */
function tell(socket: BunSocket, event: (owner: SocketOwner) => void): void {
  const owner = socket.data;
  if (owner === null) return;
  try {
    event(owner);
  } catch (error) {
    owner.broken(error);
  }
}

/** The functions that Bun calls for every socket. */
export const handlers: BunHandlers = {
  data(socket, bytes) {
    const owner = socket.data;
    if (owner === null) return;
    // As `tell`, without a closure: it is called for every chunk.
    try {
      owner.read(bytes);
    } catch (error) {
      owner.broken(error);
    }
  },
  drain(socket) {
    tell(socket, (owner) => owner.drained());
  },
  end(socket) {
    tell(socket, (owner) => owner.peerEnded());
  },
  error(socket, error) {
    tell(socket, (owner) => owner.failed(error));
  },
  close(socket, error) {
    tell(socket, (owner) => owner.closed(error));
    // Nothing of the connection stays with Bun's socket, which may be collected later.
    socket.data = null;
  },
};
