import { checkServerIdentity } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import { isIP } from 'node:net';
import type { BunError, BunHandlers, BunSocket, BunTls } from './bun-api.ts';
import { handlers } from './bun-handlers.ts';
import { alpnWire, secureContext } from './secure-context.ts';
import type { ClientTls } from './tls.ts';

/** Bun's code for a certificate with a valid chain for another host name, which Bun checks last. */
const otherName = 'ERR_TLS_CERT_ALTNAME_INVALID';

/** The codes of incomplete handshakes; all other codes concern the certificate. */
const broken = /^(?:EPROTO|ECONN|EPIPE|ERR_(?:SSL|OSSL))/;

/** The options and callbacks of Bun for TLS as the client. */
export function clientUpgrade(tls: ClientTls): {
  readonly tls: BunTls;
  readonly handlers: BunHandlers;
} {
  const { protocol, ca, serverName } = tls;
  return {
    tls: {
      secureContext: secureContext(protocol, ca),
      ALPNProtocols: alpnWire,
      // Bun checks the name whenever it checks the chain, so `refusalOf` checks both.
      rejectUnauthorized: false,
      // SNI allows a name, not an address (RFC 6066, section 3).
      serverName: isIP(serverName) === 0 ? serverName : '',
    },
    handlers: {
      ...handlers,
      handshake(socket, isComplete, error) {
        socket.data?.handshakeEnded(socket, refusalOf(tls, socket, isComplete, error));
      },
    },
  };
}

/** The reason to refuse the server, or null. */
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
  // If an address is expected, Bun has checked another name, so its result is ignored.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it has the fields for names, the only ones that the function reads
  return checkServerIdentity(serverName, certificate as unknown as PeerCertificate) ?? null;
}
