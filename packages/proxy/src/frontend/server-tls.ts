import type { Socket } from 'node:net';
import { TLSSocket, createSecureContext, createServer } from 'node:tls';
import type { SecureContext, Server } from 'node:tls';

/** What the certificate of the proxy is made of, and what is asked of clients. */
export interface ServerTlsOptions {
  /** PEM: the certificate with its chain, its key, and the authorities that may sign client certificates. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
  /** What is asked of a client certificate: nothing, to be signed by an authority, or to name the user as well. */
  readonly clientCertificate: 'none' | 'verify-ca' | 'verify-full';
  /** What SCRAM binds to (RFC 5929), or null when the certificate's hash function is not known. */
  readonly endPoint: Buffer | null;
}

/** Told once how the TLS handshake of a client ended; null when it failed and the connection is closed. */
export type Encrypted = (secure: TLSSocket | null) => void;

const ALPNProtocols = ['postgresql'];

function ignore(): void {
  // The encrypted socket reports the errors of the one below it.
}

/** TLS towards clients: encrypts connections that were accepted in plain. */
export class ServerTls {
  readonly clientCertificate: ServerTlsOptions['clientCertificate'];
  readonly endPoint: Buffer | null;
  readonly #context: SecureContext;
  readonly #verifier: Server | null;
  /** Connections that the verifying server is shaking hands with, by `nameOf`. */
  readonly #shaking = new Map<string, Encrypted>();

  /** Throws when certificate and key cannot be read or do not fit each other. */
  constructor({ cert, key, ca, clientCertificate, endPoint }: ServerTlsOptions) {
    this.clientCertificate = clientCertificate;
    this.endPoint = endPoint;
    const pem = ca === undefined ? { cert, key } : { cert, key, ca };
    this.#context = createSecureContext(pem);
    if (clientCertificate === 'none') {
      this.#verifier = null;
      return;
    }
    // A client without a right certificate is told so inside the encrypted connection, as PostgreSQL does.
    const options = { ...pem, requestCert: true, rejectUnauthorized: false, ALPNProtocols };
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
    if (this.#verifier === null) this.#encryptAlone(plain, done);
    else this.#encryptVerified(this.#verifier, plain, done);
  }

  #encryptAlone(plain: Socket, done: Encrypted): void {
    const secureContext = this.#context;
    const secure = new TLSSocket(plain, { isServer: true, secureContext, ALPNProtocols });
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
  #encryptVerified(verifier: Server, plain: Socket, done: Encrypted): void {
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
}

/** The two ends of a connection: no other open one has the same. */
function nameOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  return `${remoteAddress}|${remotePort}|${localAddress}|${localPort}`;
}
