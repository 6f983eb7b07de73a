import { X509Certificate, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { endPointBinding } from '../credentials/channel-binding.ts';
import type { Credentials } from '../credentials/credentials.ts';
import type { Settings } from '../settings/index.ts';
import { ServerTls } from './server-tls.ts';

/** How clients log in, as the settings say; made anew when they change. */
export interface HandshakeOptions {
  /** Null when TLS is not offered. */
  readonly tls: ServerTls | null;
  readonly requireTls: boolean;
  readonly credentials: Credentials;
  /** A client did not know its password: it may know a newer one than the proxy. */
  readonly wrongPassword: () => void;
  /** Makes the salt that a user who does not exist is shown; the same for the life of the process. */
  readonly mockSecret: Buffer;
}

const mockSecret = randomBytes(32);

/** Reads certificate and key; throws when they cannot be read or do not fit each other. */
export function handshakeOptions(
  settings: Settings,
  credentials: Credentials,
  wrongPassword: () => void = () => undefined,
): HandshakeOptions {
  const { TlsMode, TlsCertFile, TlsKeyFile, TlsCaFile, RequireTLS } = settings;
  const mode = TlsMode ?? (TlsCertFile === undefined ? 'disable' : 'prefer');
  return {
    tls:
      mode === 'disable' || TlsCertFile === undefined || TlsKeyFile === undefined
        ? null
        : serverTls(mode, TlsCertFile, TlsKeyFile, TlsCaFile),
    requireTls: RequireTLS || (mode !== 'disable' && mode !== 'prefer'),
    credentials,
    wrongPassword,
    mockSecret,
  };
}

function serverTls(
  mode: 'prefer' | 'require' | 'verify-ca' | 'verify-full',
  certFile: string,
  keyFile: string,
  caFile: string | undefined,
): ServerTls {
  const cert = readFileSync(certFile, 'utf8');
  return new ServerTls({
    cert,
    key: readFileSync(keyFile, 'utf8'),
    ca: caFile === undefined ? undefined : readFileSync(caFile, 'utf8'),
    clientCertificate: mode === 'verify-ca' || mode === 'verify-full' ? mode : 'none',
    endPoint: endPointBinding(new X509Certificate(cert).raw),
  });
}
