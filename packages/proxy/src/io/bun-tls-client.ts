import { checkServerIdentity } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import { isIP } from 'node:net';
import type { BunError, BunHandlers, BunSocket, BunTls } from './bun-api.ts';
import { handlers } from './bun-handlers.ts';
import { alpnWire, secureContext } from './secure-context.ts';
import type { ClientTls } from './tls.ts';

/** Bun's code for a certificate whose chain is right, and that is for another host. It looks at the name last. */
const otherName = 'ERR_TLS_CERT_ALTNAME_INVALID';

/** Codes of handshakes that were not completed; all others are about the certificate. */
const broken = /^(?:EPROTO|ECONN|EPIPE|ERR_(?:SSL|OSSL))/;

/** How Bun encrypts as the client, and what it calls. */
export function clientUpgrade(tls: ClientTls): {
  readonly tls: BunTls;
  readonly handlers: BunHandlers;
} {
  const { protocol, ca, serverName } = tls;
  return {
    tls: {
      secureContext: secureContext(protocol, ca),
      ALPNProtocols: alpnWire,
      // Bun would check the name whenever it checks the chain, so both are checked below.
      rejectUnauthorized: false,
      // SNI allows a name, not an address (RFC 6066, section 3).
      serverName: isIP(serverName) === 0 ? serverName : '',
    },
    handlers: {
      ...handlers,
      handshake(socket, isComplete, error) {
        socket.data?.shaken(socket, refusalOf(tls, socket, isComplete, error));
      },
    },
  };
}

/** Why the server is refused, or null. */
function refusalOf(
  { verify, serverName }: ClientTls,
  socket: BunSocket,
  isComplete: boolean,
  error: BunError | null,
): Error | null {
  const isBroken = error !== null && (error.code === undefined || broken.test(error.code));
  if (isBroken || (!isComplete && error === null))
    return error ?? new Error('the TLS handshake failed');
  if (verify === 'nothing') return null;
  if (error !== null && error.code !== otherName) return error;
  if (verify === 'chain') return null;
  const certificate = socket.getPeerCertificate(true);
  if (certificate?.raw === undefined) return new Error('the database has no certificate');
  // Bun has checked another name if the expected one is an address, so its answer does not count.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is looked at, the names, is in it
  return checkServerIdentity(serverName, certificate as unknown as PeerCertificate) ?? null;
}
