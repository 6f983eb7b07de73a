import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket, createSecureContext, createServer } from 'node:tls';
import type { SecureContext, SecureContextOptions, Server } from 'node:tls';

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
  readonly protocol: SecureContextOptions;
  /** The required client certificate: none, optional, signed by an authority, or also naming the user. */
  readonly clientCertificate: 'none' | 'request' | 'verify-ca' | 'verify-full';
}

/**
 * Called once when the TLS handshake of a client has ended; null if it failed and the connection is closed. `endPoint`
 * is that of the presented certificate.
 */
export type Encrypted = (secure: TLSSocket | null, endPoint: Buffer | null) => void;

const ALPNProtocols = ['postgresql'];

function ignore(): void {
  // The encrypted socket reports the errors of the one below it.
}

/** A loaded certificate. */
interface Shown {
  readonly x509: X509Certificate;
  readonly endPoint: Buffer | null;
  readonly context: SecureContext;
}

/** TLS for clients: encrypts accepted connections. */
export class ServerTls {
  readonly clientCertificate: ServerTlsOptions['clientCertificate'];
  readonly #shown: readonly Shown[];
  readonly #verifier: Server | null;
  /** Pending handshakes of the verifying server, by `nameOf`. */
  readonly #shaking = new Map<string, (secure: TLSSocket | null) => void>();

  /** Throws if a certificate and its key cannot be read or do not match. */
  constructor({ certificate, more, ca, crl, protocol, clientCertificate }: ServerTlsOptions) {
    this.clientCertificate = clientCertificate;
    const common = {
      ...protocol,
      ...(ca === undefined ? {} : { ca }),
      ...(crl === undefined ? {} : { crl }),
    };
    this.#shown = [certificate, ...more].map(({ cert, key, x509, endPoint }) => ({
      x509,
      endPoint,
      context: createSecureContext({ ...common, cert, key }),
    }));
    if (clientCertificate === 'none') {
      this.#verifier = null;
      return;
    }
    const { cert, key } = certificate;
    // A client without a valid certificate gets the error inside the encrypted connection, as in PostgreSQL.
    const options = {
      ...common,
      cert,
      key,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols,
      ...this.#choice(),
    };
    this.#verifier = createServer(options, (secure) => {
      const name = nameOf(secure);
      const done = this.#shaking.get(name);
      this.#shaking.delete(name);
      if (done === undefined) secure.destroy();
      else done(secure);
    });
    this.#verifier.on('tlsClientError', (_error, secure) => secure.destroy());
  }

  /** Performs the handshake on `plain`, which has no listeners; its unshifted bytes are the beginning. */
  encrypt(plain: Socket, done: Encrypted): void {
    plain.on('error', ignore);
    const finish = (secure: TLSSocket | null): void =>
      done(secure, secure === null ? null : this.#chosen(nameAskedFor(secure)).endPoint);
    if (this.#verifier === null) this.#encryptAlone(plain, finish);
    else this.#encryptVerified(this.#verifier, plain, finish);
  }

  #encryptAlone(plain: Socket, done: (secure: TLSSocket | null) => void): void {
    const secureContext = this.#chosen('').context;
    const secure = new TLSSocket(plain, {
      isServer: true,
      secureContext,
      ALPNProtocols,
      ...this.#choice(),
    });
    const finish = (result: TLSSocket | null): void => {
      secure.off('secure', shaken);
      secure.off('error', fail);
      secure.off('close', fail);
      if (result === null) {
        secure.on('error', ignore);
        secure.destroy();
      }
      done(result);
    };
    const shaken = (): void => finish(secure);
    const fail = (): void => finish(null);
    secure.on('secure', shaken);
    secure.on('error', fail);
    secure.on('close', fail);
  }

  /**
   * A manually created TLSSocket does not verify the client's certificate on Node.js. One of a tls.Server does, and a
   * connection can be passed to it (manual of Node.js, tls, event 'connection').
   */
  #encryptVerified(
    verifier: Server,
    plain: Socket,
    done: (secure: TLSSocket | null) => void,
  ): void {
    const name = nameOf(plain);
    const closed = (): void => {
      this.#shaking.delete(name);
      done(null);
    };
    plain.once('close', closed);
    this.#shaking.set(name, (secure) => {
      plain.off('close', closed);
      done(secure);
    });
    verifier.emit('connection', plain);
  }

  /** With one certificate there is no choice, and the runtime resumes TLS sessions automatically. */
  #choice(): {
    SNICallback?: (name: string, done: (error: null, context: SecureContext) => void) => void;
  } {
    return this.#shown.length === 1
      ? {}
      : { SNICallback: (name, done) => done(null, this.#chosen(name).context) };
  }

  #chosen(name: string): Shown {
    const [first] = this.#shown;
    if (first === undefined) throw new Error('there is no certificate');
    if (name === '' || this.#shown.length === 1) return first;
    return this.#shown.find(({ x509 }) => x509.checkHost(name) !== undefined) ?? first;
  }
}

/** The host in SNI; empty if there is none. */
function nameAskedFor(socket: TLSSocket): string {
  return 'servername' in socket && typeof socket.servername === 'string' ? socket.servername : '';
}

/** The addresses of both ends of a connection, which are unique among open ones. */
function nameOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  return `${remoteAddress}|${remotePort}|${localAddress}|${localPort}`;
}
