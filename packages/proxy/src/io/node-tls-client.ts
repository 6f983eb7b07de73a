import { constants } from 'node:crypto';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { alpnProtocol } from './tls.ts';
import type { ClientTls } from './tls.ts';

/** How a TLS handshake has ended. */
export interface Shaken {
  /** Null: well. */
  readonly error: Error | null;
  /** The socket has told that it is closed already. */
  readonly isClosed: boolean;
}

/** As PostgreSQL. The TLS of Bun does not renegotiate anyway. */
export const noRenegotiation = constants.SSL_OP_NO_RENEGOTIATION;

export const shakenWell: Shaken = { error: null, isClosed: false };
export const closedEarly: Shaken = {
  error: new Error('the connection was closed during the TLS handshake'),
  isClosed: true,
};

/**
 * Begins TLS on a socket, as the client. `done` is called once; no listeners of this module are left then, and the socket
 * is paused if all went well.
 */
export function connectTls(
  plain: Socket,
  { protocol, ca, serverName, verify }: ClientTls,
  done: (result: Shaken) => void,
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
  const finish = (result: Shaken): void => {
    // Removes only the added listeners: the socket has listeners of the runtime.
    secure.off('secureConnect', shaken);
    secure.off('error', failed);
    secure.off('close', closed);
    done(result);
  };
  const shaken = (): void => {
    secure.pause();
    finish(shakenWell);
  };
  const failed = (error: Error): void => finish({ error, isClosed: false });
  const closed = (): void => finish(closedEarly);
  secure.on('secureConnect', shaken);
  secure.on('error', failed);
  secure.on('close', closed);
  return secure;
}
