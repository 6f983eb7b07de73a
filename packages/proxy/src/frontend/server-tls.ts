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
  /** What SCRAM binds to (RFC 5929), or null when the certificate's hash function is not known. */
  readonly endPoint: Buffer | null;
}

/** What TLS towards clients is made of, and what is asked of them. */
export interface ServerTlsOptions {
  readonly certificate: ServerCertificate;
  /** Shown instead to clients that ask for a host which they are for. */
  readonly more: readonly ServerCertificate[];
  /** PEM of the authorities that may sign client certificates, and of what they have revoked. */
  readonly ca: string | undefined;
  readonly crl: string | undefined;
  readonly protocol: SecureContextOptions;
  /**
   * What is asked of a client certificate: nothing, to be shown if there is one, to be signed by an authority, or to name
   * the user as well.
   */
  readonly clientCertificate: 'none' | 'request' | 'verify-ca' | 'verify-full';
}

/**
 * Told once how the TLS handshake of a client ended; null when it failed and the connection is closed. `endPoint` is that
 * of the certificate that the client was shown.
 */
export type Encrypted = (secure: TLSSocket | null, endPoint: Buffer | null) => void;

const ALPNProtocols = ['postgresql'];

function ignore(): void {
  // The encrypted socket reports the errors of the one below it.
}

/** A certificate, ready to be shown. */
interface Shown {
  readonly x509: X509Certificate;
  readonly endPoint: Buffer | null;
  readonly context: SecureContext;
}

/** TLS towards clients: encrypts connections that were accepted in plain. */
export class ServerTls {
  readonly clientCertificate: ServerTlsOptions['clientCertificate'];
  readonly #shown: readonly Shown[];
  readonly #verifier: Server | null;
  /** Connections that the verifying server is shaking hands with, by `nameOf`. */
  readonly #shaking = new Map<string, (secure: TLSSocket | null) => void>();

  /** Throws when a certificate and its key cannot be read or do not fit each other. */
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
    // A client without a right certificate is told so inside the encrypted connection, as PostgreSQL does.
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

  /** Shakes hands on `plain`, which has no listeners; what it has read and put back (unshift) is the beginning. */
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
   * A TLSSocket made by hand does not say on Node.js whether the client's certificate is right; one made by a
   * tls.Server does, and a connection may be handed to it (manual of Node.js, tls, event 'connection').
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

  /** With one certificate there is nothing to choose, and the runtime resumes TLS sessions by itself. */
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

/** The host that the client has asked for; empty when it has not. */
function nameAskedFor(socket: TLSSocket): string {
  const { servername } = socket as TLSSocket & { readonly servername?: string | false };
  return typeof servername === 'string' ? servername : '';
}

/** The two ends of a connection: no other open one has the same. */
function nameOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  return `${remoteAddress}|${remotePort}|${localAddress}|${localPort}`;
}
