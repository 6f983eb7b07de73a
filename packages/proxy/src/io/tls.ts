/** TLS versions, cipher suites and groups, as the settings name them. */
export interface TlsProtocol {
  readonly minVersion?: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
  readonly ciphers?: string;
  readonly ecdhCurve?: string;
}

/** PEM of what identifies a side, and of what it trusts. */
export interface TlsMaterial {
  readonly crl?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** How a client encrypts. */
export interface ClientTls {
  readonly protocol: TlsProtocol & TlsMaterial;
  /** The authorities; undefined: those that the runtime trusts. */
  readonly ca: string | undefined;
  /** The name for SNI, and in the certificate. */
  readonly serverName: string;
  /** What must be right about the certificate of the server: nothing, its chain, or its name too. */
  readonly verify: 'nothing' | 'chain' | 'name';
}

/** The protocol that both sides agree on by ALPN: no other. */
export const alpnProtocol = 'postgresql';

/** What is known of an encrypted connection. */
export interface TlsFacts {
  /** What ALPN has selected; null: nothing. */
  readonly alpn: string | null;
  /** The host that the client asked for (SNI); empty: none. */
  readonly serverName: string;
  /** The certificate of the other side is signed by an authority and valid. */
  readonly isAuthorized: boolean;
  /** Why it is not; null: it is, or the other side has presented none. */
  readonly authorizationError: string | null;
  /** The certificate of the other side; null: there is none, or the connection is closed. */
  readonly certificate: PeerCertificate | null;
}

export interface PeerCertificate {
  /** DER. */
  readonly raw: Buffer;
  /** The CN of its subject; undefined: it has none, or several. */
  readonly commonName: string | undefined;
}
