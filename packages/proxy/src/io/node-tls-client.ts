import { constants } from 'node:crypto';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { alpnProtocol } from './tls.ts';
import type { ClientTls } from './tls.ts';

/** The result of a TLS handshake. */
export interface HandshakeResult {
  /** Null if it succeeded. */
  readonly error: Error | null;
  /** The socket has already emitted `close`. */
  readonly isClosed: boolean;
}

/** As in PostgreSQL. Bun's TLS never renegotiates. */
export const noRenegotiation = constants.SSL_OP_NO_RENEGOTIATION;

export const handshakeSucceeded: HandshakeResult = { error: null, isClosed: false };
export const closedEarly: HandshakeResult = {
  error: new Error('the connection was closed during the TLS handshake'),
  isClosed: true,
};

/**
 * Starts TLS on a socket, as the client. `done` is called once, after the listeners of this module are removed; on
 * success, the socket is paused.
 */
export function connectTls(
  plain: Socket,
  { protocol, ca, serverName, verify }: ClientTls,
  done: (result: HandshakeResult) => void,
): TLSSocket {
  const secure = connect({
    ...protocol,
    secureOptions: noRenegotiation,
    socket: plain,
    ALPNProtocols: [alpnProtocol],
    rejectUnauthorized: verify !== 'nothing',
    ...(ca === undefined ? {} : { ca }),
    // SNI allows a name, not an address (RFC 6066, section 3).
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ...(verify === 'name' ? { host: serverName } : { checkServerIdentity: () => undefined }),
  });
  const finish = (result: HandshakeResult): void => {
    // Removes only the added listeners: the socket has listeners of the runtime.
    secure.off('secureConnect', succeeded);
    secure.off('error', failed);
    secure.off('close', closed);
    done(result);
  };
  const succeeded = (): void => {
    secure.pause();
    finish(handshakeSucceeded);
  };
  const failed = (error: Error): void => finish({ error, isClosed: false });
  const closed = (): void => finish(closedEarly);
  secure.on('secureConnect', succeeded);
  secure.on('error', failed);
  secure.on('close', closed);
  return secure;
}
