import type { BunHandlers, BunTls } from './bun-api.ts';
import { handlers } from './bun-handlers.ts';
import { BunTransport } from './bun-transport.ts';
import { alpnList, alpnWire, newSecureContext } from './secure-context.ts';
import type { AcceptorOptions, TlsAcceptor, Transport } from './transport.ts';

/** Encrypts accepted sockets of Bun. */
export class BunTlsAcceptor implements TlsAcceptor {
  readonly #tls: BunTls;
  readonly #handlers: BunHandlers;

  constructor(options: AcceptorOptions) {
    const { certificates, choose, ca, crl, protocol, requestsCertificate, alpn } = options;
    const material = { ...protocol, ...(crl === undefined ? {} : { crl }) };
    const contexts = certificates.map(({ cert, key }) =>
      newSecureContext({ ...material, cert, key }, ca),
    );
    this.#tls = {
      secureContext: contexts[0],
      ALPNProtocols: alpn === undefined ? alpnWire : alpnList(alpn),
      requestCert: requestsCertificate,
      // A client without a valid certificate gets the error inside the encrypted connection, as in PostgreSQL.
      rejectUnauthorized: false,
    };
    this.#handlers = {
      ...handlers,
      handshake(socket, isComplete, error) {
        const why = isComplete ? null : (error ?? new Error('the TLS handshake failed'));
        socket.data?.handshakeEnded(socket, why);
      },
      // With one certificate there is no choice.
      ...(contexts.length === 1
        ? {}
        : { serverName: (_: unknown, name: string) => contexts[choose(name)] }),
    };
  }

  accept(transport: Transport, done: (error: Error | null) => void): void {
    if (!(transport instanceof BunTransport)) throw new TypeError('not a socket of Bun');
    transport.upgrade(true, this.#tls, this.#handlers, done);
  }
}
