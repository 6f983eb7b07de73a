import type { Setting } from '../setting.ts';
import { since } from './common.ts';

/** TLS with the database and with clients. */
export const tls = {
  TargetTlsMode: {
    type: 'enum',
    values: ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'],
    default: 'prefer',
    reloadable: true,
    since,
    doc: "TLS between the proxy and the database, with the same values as libpq's `sslmode`: `prefer` uses TLS if the database offers it, `require` requires it, `verify-ca` also verifies the certificate's issuer, and `verify-full` also verifies its host name.",
  },
  TargetTlsNegotiation: {
    type: 'enum',
    values: ['postgres', 'direct'],
    default: 'postgres',
    reloadable: true,
    since,
    doc: '`postgres` negotiates TLS with SSLRequest. `direct` starts with the TLS handshake. That saves a round trip, and needs PostgreSQL 17 and `TargetTlsMode` `require` or stronger.',
  },
  TargetTlsCa: {
    type: 'enum',
    values: ['system', 'rds'],
    default: 'system',
    reloadable: true,
    since,
    doc: 'The trusted certificate authorities for the database if `TargetTlsCaFile` is not set. `system`: the authorities that the runtime trusts. `rds`: the authorities of Amazon RDS, as of the release of this version.',
  },
  TargetTlsCaFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'PEM file with the trusted certificate authorities for the database. It overrides `TargetTlsCa`.',
  },
  TargetTlsServerName: {
    type: 'string',
    reloadable: true,
    since,
    doc: 'The name that `verify-full` expects in the certificate of the database, and that the proxy sends in SNI. The default is `TargetHost`.',
  },

  TargetTlsCrlFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'PEM file with a certificate revocation list. The proxy refuses a database whose certificate is on the list.',
  },
  TargetTlsCertFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'PEM file with the client certificate that the proxy presents to the database, and its chain.',
  },
  TargetTlsKeyFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'PEM file with the private key of `TargetTlsCertFile`.',
  },

  TargetMd5WithoutTls: {
    type: 'boolean',
    default: false,
    reloadable: true,
    since,
    doc: 'Allows MD5 authentication at the database over a connection without TLS. An eavesdropper can recover the password from the response. SCRAM, which is the default in PostgreSQL, needs no TLS.',
  },

  TlsMode: {
    type: 'enum',
    values: ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'],
    defaultDoc: '`prefer` when `TlsCertFile` is given, else `disable`',
    reloadable: true,
    since,
    doc: 'TLS between the clients and the proxy. `prefer`: the proxy offers it. `require`: the proxy refuses clients without TLS. `verify-ca`: the client must also present a certificate signed by an authority in `TlsCaFile`. `verify-full`: the common name of that certificate must also be the user name.',
  },
  TlsCertFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'PEM file with the certificate that the proxy presents to clients, and its chain.',
  },
  TlsKeyFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'PEM file with the private key of `TlsCertFile`.',
  },
  TlsCaFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'PEM file with the trusted certificate authorities for client certificates.',
  },
  TlsCrlFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'PEM file with a certificate revocation list. The proxy refuses a client whose certificate is on the list.',
  },
  TlsCertificates: {
    type: 'list',
    default: [],
    reloadable: true,
    since,
    doc: 'Additional certificates. The proxy presents the one whose subjectAltName matches the host that the client requested with SNI. If none matches, it presents `TlsCertFile`.',
    fields: {
      CertFile: {
        type: 'file',
        required: true,
        doc: 'PEM file with the certificate and its chain.',
      },
      KeyFile: { type: 'file', required: true, doc: 'PEM file with the private key.' },
    },
  },
  TlsMinVersion: {
    type: 'enum',
    values: ['TLSv1.2', 'TLSv1.3'],
    default: 'TLSv1.2',
    reloadable: true,
    since,
    doc: 'The minimum TLS version, for clients and for the database.',
  },
  TlsCiphers: {
    type: 'string',
    reloadable: true,
    since,
    doc: 'The cipher suites for clients and for the database, in OpenSSL syntax, for example `TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384`. The default is that of the runtime. Bun always uses its own cipher suites for TLS 1.3.',
  },
  TlsGroups: {
    type: 'string',
    reloadable: true,
    since,
    doc: 'The key-exchange groups for clients and for the database, separated by colons, in order of preference, for example `X25519:P-256`. The default is that of the runtime.',
  },
  RequireTLS: {
    type: 'boolean',
    default: false,
    reloadable: true,
    since,
    doc: 'Whether the proxy refuses clients without TLS (SQLSTATE 28000), as with `TlsMode` `require`.',
  },
} as const satisfies Readonly<Record<string, Setting>>;
