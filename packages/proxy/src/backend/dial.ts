import { readFileSync } from 'node:fs';
import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { sslRequest } from '@sluice/wire';
import type { Settings } from '../settings/index.ts';

/** Where a database listens, and how it is dialled. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly tlsMode: Settings['TargetTlsMode'];
  readonly tlsNegotiation: Settings['TargetTlsNegotiation'];
  /** PEM of the certificate authorities, or undefined for those that the runtime trusts. */
  readonly ca: string | undefined;
  /** The name expected in the certificate, and asked for (SNI). */
  readonly serverName: string;
}

/** The address of the target as settings say; reads the file of authorities. */
export function targetAddress(settings: Settings): Address {
  const { TargetHost, TargetPort, TargetTlsMode, TargetTlsNegotiation, TargetTlsCaFile, TargetTlsServerName } =
    settings;
  return {
    host: TargetHost,
    port: TargetPort,
    tlsMode: TargetTlsMode,
    tlsNegotiation: TargetTlsNegotiation,
    ca: TargetTlsCaFile === undefined ? undefined : readFileSync(TargetTlsCaFile, 'utf8'),
    serverName: TargetTlsServerName ?? TargetHost,
  };
}

/** Told once how dialling ended. The socket is connected, encrypted as the mode asks, and has no listeners. */
export type Dialled = (error: Error | null, socket: Socket | null, tls: boolean) => void;

/**
 * Connects to the database and, as the TLS mode asks, encrypts. Returns what gives up: it destroys the socket, and
 * `done` is not called any more.
 */
export function dial(address: Address, done: Dialled): () => void {
  let over = false;
  const socket = connect({ host: address.host, port: address.port, noDelay: true, keepAlive: true });
  let current: Socket = socket;
  const finish = (error: Error | null, tls: boolean): void => {
    if (over) return;
    over = true;
    current.removeAllListeners();
    if (error !== null) {
      // A destroyed socket may still report an error; nobody is left to hear it.
      current.on('error', () => undefined);
      current.destroy();
      socket.destroy();
      done(error, null, false);
    } else done(null, current, tls);
  };
  const fail = (error: Error): void => finish(error, false);
  const closed = (): void => fail(new Error('the database closed the connection'));
  const encrypt = (): void => {
    socket.removeAllListeners();
    const secure = connectTls({ ...tlsOptions(address), socket });
    current = secure;
    secure.on('error', fail);
    secure.on('close', closed);
    secure.once('secureConnect', () => {
      const problem = verify(secure, address);
      finish(problem, true);
    });
  };
  socket.on('error', fail);
  socket.on('close', closed);
  socket.once('connect', () => {
    if (address.tlsMode === 'disable') finish(null, false);
    else if (address.tlsNegotiation === 'direct') encrypt();
    else {
      socket.write(sslRequest);
      socket.once('data', (answer: Buffer) => {
        // One byte; anything behind it was not encrypted and must not be taken for the database's (CVE-2021-23222).
        if (answer.length !== 1) fail(new Error('the database sent unencrypted bytes after its answer to SSLRequest'));
        else if (answer[0] === 0x53) {
          socket.pause();
          encrypt();
        } else if (answer[0] === 0x4e && address.tlsMode === 'prefer') {
          socket.pause();
          finish(null, false);
        } else fail(new Error(`the database does not support TLS, and TargetTlsMode is ${address.tlsMode}`));
      });
    }
  });
  return () => {
    if (over) return;
    over = true;
    current.removeAllListeners();
    current.on('error', () => undefined);
    current.destroy();
    socket.destroy();
  };
}

function tlsOptions(address: Address): ConnectionOptions {
  const { tlsMode, ca, serverName } = address;
  const checked = tlsMode === 'verify-ca' || tlsMode === 'verify-full';
  return {
    ALPNProtocols: ['postgresql'],
    rejectUnauthorized: checked,
    ...(ca === undefined ? {} : { ca }),
    // A name, not an address, may be asked for (RFC 6066, section 3).
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ...(tlsMode === 'verify-full' ? { host: serverName } : { checkServerIdentity: () => undefined }),
  };
}

/** A direct TLS handshake must agree on the protocol, so that nothing else can answer in the database's place. */
function verify(secure: TLSSocket, address: Address): Error | null {
  if (address.tlsNegotiation === 'direct' && secure.alpnProtocol !== 'postgresql')
    return new Error('the database did not agree on ALPN "postgresql", which direct TLS needs');
  return null;
}
