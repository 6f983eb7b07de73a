import type { X509Certificate } from 'node:crypto';
import { network } from '../io/network.ts';
import type { TlsProtocol } from '../io/tls.ts';
import type { TlsAcceptor, Transport } from '../io/transport.ts';

/** A certificate of the proxy. */
export interface ServerCertificate {
  /** PEM: the certificate with its chain, and its key. */
  readonly cert: string;
  readonly key: string;
  readonly x509: X509Certificate;
  /** The channel binding data (RFC 5929), or null if the certificate's hash function is unknown. */
  readonly endPoint: Buffer | null;
}

/** The TLS configuration for clients. */
export interface ServerTlsOptions {
  readonly certificate: ServerCertificate;
  /** Presented instead to clients that request a matching host. */
  readonly more: readonly ServerCertificate[];
  /** PEM of the authorities for client certificates, and of their CRLs. */
  readonly ca: string | undefined;
  readonly crl: string | undefined;
  readonly protocol: TlsProtocol;
  /** The required client certificate: none, optional, signed by an authority, or also naming the user. */
  readonly clientCertificate: 'none' | 'request' | 'verify-ca' | 'verify-full';
}

/** TLS for clients: encrypts accepted connections. */
export class ServerTls {
  readonly clientCertificate: ServerTlsOptions['clientCertificate'];
  readonly #certificates: readonly ServerCertificate[];
  readonly #acceptor: TlsAcceptor;

  /** Throws if a certificate and its key cannot be read or do not match. */
  constructor({ certificate, more, ca, crl, protocol, clientCertificate }: ServerTlsOptions) {
    this.clientCertificate = clientCertificate;
    this.#certificates = [certificate, ...more];
    this.#acceptor = network.tlsAcceptor({
      certificates: this.#certificates,
      choose: (name) => this.#chosen(name),
      ca,
      crl,
      protocol,
      requestsCertificate: clientCertificate !== 'none',
    });
  }

  /**
   * Performs the handshake on a transport, which is paused. `done` is called once; after an error the transport is
   * destroyed.
   */
  encrypt(transport: Transport, done: (error: Error | null) => void): void {
    this.#acceptor.accept(transport, done);
  }

  /** The channel binding data of the certificate that the client was shown. */
  endPointOf(transport: Transport): Buffer | null {
    const chosen = this.#certificates[this.#chosen(transport.tls?.serverName ?? '')];
    return chosen?.endPoint ?? null;
  }

  /** The index of the certificate for a client that sends this host name. */
  #chosen(name: string): number {
    if (name === '' || this.#certificates.length === 1) return 0;
    const found = this.#certificates.findIndex(({ x509 }) => x509.checkHost(name) !== undefined);
    return Math.max(found, 0);
  }
}
