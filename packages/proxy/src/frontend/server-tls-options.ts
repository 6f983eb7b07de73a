import { readFileSync } from 'node:fs';
import { endPointBinding } from '../credentials/channel-binding.ts';
import { readKeyPair } from '../credentials/key-pair.ts';
import { tlsProtocol } from '../credentials/tls-protocol.ts';
import type { Settings } from '../settings/index.ts';
import { ServerTls } from './server-tls.ts';
import type { ServerCertificate } from './server-tls.ts';

/** TLS for clients; null if it is not offered. `wantsCertificates`: some clients need certificates. */
export function serverTls(settings: Settings, wantsCertificates: boolean): ServerTls | null {
  const { TlsMode: mode, TlsCertFile, TlsKeyFile, TlsCaFile, TlsCrlFile } = settings;
  if (mode === 'disable' || TlsCertFile === undefined || TlsKeyFile === undefined) return null;
  const requested = wantsCertificates && TlsCaFile !== undefined ? 'request' : 'none';
  return new ServerTls({
    certificate: readCertificate(TlsCertFile, TlsKeyFile),
    more: settings.TlsCertificates.map(({ CertFile, KeyFile }) =>
      readCertificate(CertFile, KeyFile),
    ),
    ca: TlsCaFile === undefined ? undefined : readFileSync(TlsCaFile, 'utf8'),
    crl: TlsCrlFile === undefined ? undefined : readFileSync(TlsCrlFile, 'utf8'),
    protocol: tlsProtocol(settings),
    clientCertificate: mode === 'verify-ca' || mode === 'verify-full' ? mode : requested,
  });
}

function readCertificate(certFile: string, keyFile: string): ServerCertificate {
  const pair = readKeyPair(certFile, keyFile);
  return { ...pair, endPoint: endPointBinding(pair.x509.raw) };
}
