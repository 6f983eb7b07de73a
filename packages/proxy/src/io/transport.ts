import type { Ranges } from './ranges.ts';
import type { ClientTls, TlsFacts, TlsProtocol } from './tls.ts';

/*
 * What the proxy needs of sockets. The interface is narrow so that it fits the sockets of any runtime: a stream with
 * its events costs more than everything that the proxy does with a SELECT (docs/decisions/0014). There are two
 * implementations, `node-network.ts` and `bun-network.ts`. test/io/transport.test.ts tests this contract with both.
 */

/**
 * Gets the events of a transport. A transport has one handler at a time: that of its current phase (dialing, login,
 * session). So an idle connection has no list of listeners and no closure.
 *
 * Order: any number of `onData` and `onDrain`; at most one `onEnd`, after all data; at most one `onError`; then one
 * `onClose`, which is always the last. While a transport is paused, the end of the peer is not noticed, but an error
 * is.
 *
 * An exception in one of these goes to `broken`, and affects no other connection.
 */
export interface TransportHandler {
  /** Bytes have arrived. They can be kept: nothing overwrites them. */
  onData(bytes: Buffer): void;
  /** Everything is written, after a write that returned false. */
  onDrain(): void;
  /** The peer has ended its side. The transport ends its own when everything is written. */
  onEnd(): void;
  /** The connection failed; `onClose` follows. */
  onError(error: Error): void;
  /** The connection is closed. */
  onClose(): void;
  /** One of the functions above threw this. */
  broken(error: unknown): void;
}

/** One end of a connection: TCP or a Unix socket, encrypted or not. It starts paused. */
export interface Transport {
  /** Gets the events. The next phase sets its own. */
  handler: TransportHandler;
  /** Called once when the connection is closed, after `onClose` of the current handler. */
  whenClosed: (() => void) | null;
  /** The address of the peer; undefined for a Unix socket, and if the connection was closed early. */
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  /** Null if it is not encrypted. */
  readonly tls: TlsFacts | null;
  /** No more can be written: this side has ended, or the connection is closed. */
  readonly isEnded: boolean;
  /** The number of written bytes that the kernel has not accepted yet. */
  readonly unsent: number;

  /**
   * Writes the bytes, which must not change afterwards. False means that the kernel has not accepted all of them: stop
   * until `onDrain`. Bytes that are written before are queued. Ignored after the end.
   */
  write(bytes: Buffer): boolean;
  /** Writes several ranges at once. The caller can clear them afterwards. */
  writeRanges(ranges: Ranges): boolean;
  /** Stops reading, also the end of the peer, until `resume`. */
  pause(): void;
  resume(): void;
  /** Returns unused bytes to the paused transport: the next handler, or TLS, gets them first. */
  unread(bytes: Buffer): void;
  /** Ends this side when everything is written. The peer can still send. */
  end(last?: Buffer): void;
  /** Closes the connection when everything is written, without waiting for the peer. */
  endAndClose(): void;
  /** Closes the connection now, and drops unwritten bytes. `onClose` follows after this returns. */
  destroy(): void;
  /** Destroys the connection when no bytes were read or written for this long, in milliseconds. */
  destroyWhenIdle(milliseconds: number): void;
  /**
   * Starts TLS as the client. The transport is paused before and after. `done` is called once; with an error, the
   * transport is destroyed. Until `done`, the handler gets no events.
   */
  connectTls(tls: ClientTls, done: (error: Error | null) => void): void;
}

/** Encrypts connections that were accepted. */
export interface TlsAcceptor {
  /** Like `connectTls`, as the server, for a transport of the same network. Bytes from `unread` come first. */
  accept(transport: Transport, done: (error: Error | null) => void): void;
}

/** The address to listen on or to connect to. */
export type SocketAddress =
  { readonly host: string; readonly port: number } | { readonly file: string };

export interface Listener {
  /** The port; 0 for a Unix socket. */
  readonly port: number;
  readonly address: string;
  /** Stops accepting. Connections stay open, and the file of a Unix socket stays. */
  close(): void;
}

/** Gets the events of a listener. */
export interface ListenerHandler {
  /** A connection was accepted, paused. An exception closes it. */
  accepted(transport: Transport): void;
  /**
   * An accept failed, for example because the system has no file descriptors left. The listener continues. Not on Bun.
   */
  failed(error: Error): void;
}

/** The sockets of a runtime. */
export interface Network {
  /** For the log. */
  readonly name: 'node' | 'bun';
  /** Starts to listen; port 0 chooses a free port. */
  listen(socketAddress: SocketAddress, handler: ListenerHandler): Promise<Listener>;
  /**
   * Connects. Either `connected` is called once, or `handler` gets the failure, in both cases after this call returns.
   * The transport can be destroyed before.
   */
  connect(
    socketAddress: SocketAddress,
    handler: TransportHandler,
    connected: () => void,
  ): Transport;
  /** Creates the acceptor. Throws if a certificate and its key cannot be read or do not match. */
  tlsAcceptor(options: AcceptorOptions): TlsAcceptor;
}

export interface AcceptorOptions {
  /**
   * PEM of certificates with their chains, and keys. The first is for clients that send no host name or an unknown one.
   */
  readonly certificates: readonly { readonly cert: string; readonly key: string }[];
  /** The index of the certificate for a client that sends this host name (SNI). */
  readonly choose: (name: string) => number;
  readonly ca: string | undefined;
  readonly crl: string | undefined;
  readonly protocol: TlsProtocol;
  /** The only protocol that ALPN can select. Default: that of PostgreSQL. */
  readonly alpn?: string;
  /** Requests certificates from clients. A client without a valid one is connected too: see `TlsFacts`. */
  readonly requestsCertificate: boolean;
}
