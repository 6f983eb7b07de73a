import type { Socket } from 'node:net';
import { TLSSocket, createSecureContext, createServer } from 'node:tls';
import type { SecureContext, Server } from 'node:tls';
import { NodeTransport } from './node-transport.ts';
import { closedEarly, noRenegotiation, handshakeSucceeded } from './node-tls-client.ts';
import type { HandshakeResult } from './node-tls-client.ts';
import { alpnProtocol } from './tls.ts';
import type { AcceptorOptions, TlsAcceptor, Transport } from './transport.ts';

type Finish = (secure: TLSSocket | null, result: HandshakeResult) => void;

/** Encrypts accepted sockets of Node.js. */
export class NodeTlsAcceptor implements TlsAcceptor {
  readonly #contexts: readonly SecureContext[];
  readonly #choose: (name: string) => number;
  readonly #ALPNProtocols: string[];
  readonly #verifier: Server | null;
  /** Pending handshakes of the verifying server, by `nameOf`. */
  readonly #handshakes = new Map<string, (secure: TLSSocket) => void>();

  constructor(options: AcceptorOptions) {
    const { certificates, choose, ca, crl, protocol, requestsCertificate } = options;
    this.#choose = choose;
    this.#ALPNProtocols = [options.alpn ?? alpnProtocol];
    const common = {
      ...protocol,
      secureOptions: noRenegotiation,
      ...(ca === undefined ? {} : { ca }),
      ...(crl === undefined ? {} : { crl }),
    };
    this.#contexts = certificates.map(({ cert, key }) =>
      createSecureContext({ ...common, cert, key }),
    );
    const [first] = certificates;
    if (!requestsCertificate || first === undefined) {
      this.#verifier = null;
      return;
    }
    // A client without a valid certificate gets the error inside the encrypted connection, as in PostgreSQL.
    const verifying = {
      ...common,
      cert: first.cert,
      key: first.key,
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: this.#ALPNProtocols,
      ...this.#choice(),
    };
    this.#verifier = createServer(verifying, (secure) => {
      const name = nameOf(secure);
      const done = this.#handshakes.get(name);
      this.#handshakes.delete(name);
      if (done === undefined) secure.destroy();
      else done(secure);
    });
    this.#verifier.on('tlsClientError', (_error, secure) => secure.destroy());
  }

  accept(transport: Transport, done: (error: Error | null) => void): void {
    if (!(transport instanceof NodeTransport)) throw new TypeError('not a socket of Node.js');
    const plain = transport.release();
    const finish: Finish = (secure, result) => {
      if (secure !== null) transport.encrypted(secure);
      transport.handshakeEnded(result, done);
    };
    if (this.#verifier === null) transport.encrypted(this.#acceptAlone(plain, finish));
    else this.#acceptVerified(this.#verifier, plain, finish);
  }

  #acceptAlone(plain: Socket, done: Finish): TLSSocket {
    const [secureContext] = this.#contexts;
    if (secureContext === undefined) throw new Error('there is no certificate');
    const secure = new TLSSocket(plain, {
      isServer: true,
      secureContext,
      ALPNProtocols: this.#ALPNProtocols,
      ...this.#choice(),
    });
    const finish = (result: HandshakeResult): void => {
      secure.off('secure', succeeded);
      secure.off('error', failed);
      secure.off('close', closed);
      done(secure, result);
    };
    const succeeded = (): void => {
      secure.on('_tlsError', destroyWith);
      finish(handshakeSucceeded);
    };
    const failed = (error: Error): void => finish({ error, isClosed: false });
    const closed = (): void => finish(closedEarly);
    secure.on('secure', succeeded);
    secure.on('error', failed);
    secure.on('close', closed);
    return secure;
  }

  /**
   * A manually created TLSSocket does not verify the client's certificate on Node.js. One of a tls.Server does, and a
   * connection can be passed to it (manual of Node.js, tls, event 'connection').
   */
  #acceptVerified(verifier: Server, plain: Socket, done: Finish): void {
    const name = nameOf(plain);
    const closed = (): void => {
      this.#handshakes.delete(name);
      done(null, closedEarly);
    };
    plain.once('close', closed);
    this.#handshakes.set(name, (secure) => {
      plain.off('close', closed);
      done(secure, handshakeSucceeded);
    });
    verifier.emit('connection', plain);
  }

  /** With one certificate there is no choice, and the runtime resumes TLS sessions automatically. */
  #choice(): {
    SNICallback?: (name: string, done: (error: null, context?: SecureContext) => void) => void;
  } {
    return this.#contexts.length === 1
      ? {}
      : { SNICallback: (name, done) => done(null, this.#contexts[this.#choose(name)]) };
  }
}

/**
 * A record cannot be decrypted. A manually created TLSSocket reports that only by this event, and otherwise waits for
 * more forever.
 */
function destroyWith(this: TLSSocket, error: Error): void {
  this.destroy(error);
}

/** The addresses of both ends of a connection, which are unique among open ones. */
function nameOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  return `${remoteAddress}|${remotePort}|${localAddress}|${localPort}`;
}
