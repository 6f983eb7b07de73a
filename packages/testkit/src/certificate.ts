import { isIP } from 'node:net';
import type { generate as Generate } from 'selfsigned';

/** Certificates for TLS on this machine, in PEM format. */
export interface Certificate {
  /** The server certificate for the requested hosts. */
  readonly cert: string;
  readonly key: string;
  /** The certificate authority that signed it, for clients to trust. */
  readonly ca: string;
  readonly caKey: string;
}

/** The contents of a certificate. */
export interface CertificateOptions {
  /** The names and addresses for which it is valid. Default: localhost, 127.0.0.1 and ::1. */
  readonly hosts?: readonly string[];
  /** The common name. Default: the first host. For a client certificate: the database user. */
  readonly commonName?: string;
  /** Days until it expires. Default 30. */
  readonly days?: number;
  /** Signs with this authority, from an earlier call, instead of a new one. */
  readonly authority?: Pick<Certificate, 'ca' | 'caKey'>;
}

/** Creates a certificate and, unless one is given, the authority that signs it. For this machine and for tests. */
export async function makeCertificate(options: CertificateOptions = {}): Promise<Certificate> {
  const hosts = options.hosts ?? ['localhost', '127.0.0.1', '::1'];
  const common = {
    keyType: 'ec',
    algorithm: 'sha256',
    notAfterDate: new Date(Date.now() + (options.days ?? 30) * 86_400_000),
  } as const;
  // Loaded on demand: it takes longer to load than a server takes to start otherwise.
  const { generate } = await import('selfsigned');
  const { ca, caKey } = options.authority ?? (await makeAuthority(generate, common));
  const { cert, private: key } = await generate(
    [{ name: 'commonName', value: options.commonName ?? hosts[0] ?? 'localhost' }],
    {
      ...common,
      ca: { cert: ca, key: caKey },
      extensions: [
        { name: 'basicConstraints', cA: false },
        { name: 'keyUsage', digitalSignature: true },
        { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
        { name: 'subjectAltName', altNames: hosts.map(toAltName) },
      ],
    },
  );
  return { cert, key, ca, caKey };
}

async function makeAuthority(
  generate: typeof Generate,
  common: Parameters<typeof Generate>[1],
): Promise<Pick<Certificate, 'ca' | 'caKey'>> {
  const { cert, private: key } = await generate(
    [{ name: 'commonName', value: 'Sluice testkit authority' }],
    {
      ...common,
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
      ],
    },
  );
  return { ca: cert, caKey: key };
}

function toAltName(host: string): { type: 2; value: string } | { type: 7; ip: string } {
  return isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host };
}
