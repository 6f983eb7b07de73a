import assert from 'node:assert/strict';
import type { AddressInfo, Server, Socket } from 'node:net';

/** The port that a server listens on. */
export function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  return address.port;
}

/** The next connection to a server. */
export function nextConnection(server: Pick<Server, 'once'>): Promise<Socket> {
  return new Promise((resolve) => {
    server.once('connection', resolve);
  });
}

/** The next bytes from a socket. */
export function nextBytes(socket: Socket): Promise<Buffer> {
  return new Promise((resolve) => {
    socket.once('data', resolve);
  });
}
