import type { AddressInfo, Server } from 'node:net';

/** The address of a server that listens on TCP. */
export function tcpAddress(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new TypeError(`the server listens on ${address ?? 'nothing'}, not on TCP`);
  return address;
}
