/** TLS versions, cipher suites and groups, as the settings name them. */
export interface TlsProtocol {
  readonly minVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers?: string;
  readonly ecdhCurve?: string;
}

/** The certificate, key and trusted authorities of one side, in PEM. */
export interface TlsMaterial {
  readonly crl?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The TLS options of a client. */
export interface ClientTls {
  readonly protocol: TlsProtocol & TlsMaterial;
  /** The trusted authorities; undefined: those of the runtime. */
  readonly ca: string | undefined;
  /** The name that is sent as SNI and that the certificate must have. */
  readonly serverName: string;
  /** What is verified about the certificate of the server: nothing, its chain, or also its name. */
  readonly verify: 'nothing' | 'chain' | 'name';
}

/** The only protocol that ALPN can select. */
export const alpnProtocol = 'postgresql';

/** The properties of an encrypted connection. */
export interface TlsFacts {
  /** The protocol that ALPN selected, or null. */
  readonly alpn: string | null;
  /** The host name that the client sent (SNI); empty if it sent none. */
  readonly serverName: string;
  /** The peer has a valid certificate, signed by a trusted authority. */
  readonly isAuthorized: boolean;
  /** Why it does not; null if it does, or if the peer sent no certificate. */
  readonly authorizationError: string | null;
  /** The certificate of the peer; null if there is none or the connection is closed. */
  readonly certificate: PeerCertificate | null;
}

export interface PeerCertificate {
  /** DER. */
  readonly raw: Buffer;
  /** The CN of its subject; undefined if it has none or several. */
  readonly commonName: string | undefined;
}
