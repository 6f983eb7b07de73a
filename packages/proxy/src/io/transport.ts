import type { Ranges } from './ranges.ts';
import type { ClientTls, TlsFacts, TlsProtocol } from './tls.ts';

/*
 * What the proxy asks of sockets. It is narrow, so that a runtime's own sockets can be behind it: a stream with its events
 * costs more than everything that the proxy does with a SELECT (docs/decisions/0014). There are two implementations,
 * `node-network.ts` and `bun-network.ts`; test/io/transport.test.ts has what is promised here, and runs over both.
 */

/**
 * Who is told what happens on a transport. A transport has one handler at a time: that of the phase that it is in (dialing,
 * login, session). So an idle connection has no list of listeners and no closure.
 *
 * Order: any number of `onData` and `onDrain`; at most one `onEnd`, after all data; at most one `onError`; then one
 * `onClose`, which is always the last. What is paused is not read, so its end is not noticed either; an error is.
 *
 * What one of these throws goes to `broken`, and to no other connection.
 */
export interface TransportHandler {
  /** Bytes have come. They can be kept: nothing overwrites them. */
  onData(bytes: Buffer): void;
  /** All that was written has been taken, after a write that said that it was not. */
  onDrain(): void;
  /** The other side sends no more. The transport ends its own side when what was written is sent. */
  onEnd(): void;
  /** The connection failed; `onClose` follows. */
  onError(error: Error): void;
  /** The connection is closed. */
  onClose(): void;
  /** A function above has thrown this. */
  broken(error: unknown): void;
}

/** One end of a connection: TCP or a Unix socket, encrypted or not. It starts paused. */
export interface Transport {
  /** Who is told. The next phase sets its own. */
  handler: TransportHandler;
  /** Called once when the connection is closed, after `onClose` of the current handler. */
  whenClosed: (() => void) | null;
  /** The address of the other side; undefined for a Unix socket, and when the connection was closed early. */
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  /** Null: not encrypted. */
  readonly tls: TlsFacts | null;
  /** Nothing can be written any more: the own side has ended or will, or the connection is gone. */
  readonly isEnded: boolean;
  /** The bytes that were written and that the kernel has not taken yet. */
  readonly unsent: number;

  /**
   * Writes the bytes, which must not change afterwards. False means that not all were taken: stop until `onDrain`. What is
   * written in between is sent in order, nevertheless. Ignored after the end.
   */
  write(bytes: Buffer): boolean;
  /** The same for several ranges, in one piece. They can be cleared afterwards. */
  writeRanges(ranges: Ranges): boolean;
  /** Nothing is read until `resume`: neither data nor the end. */
  pause(): void;
  resume(): void;
  /** Returns unused bytes to the transport, which is paused: the next handler, or TLS, gets them first. */
  unread(bytes: Buffer): void;
  /** Ends the own side when everything is written. The other side may still send. */
  end(last?: Buffer): void;
  /** Closes the connection when everything is written, without waiting for the other side. */
  endAndClose(): void;
  /** Closes the connection now. What was not written is lost. `onClose` follows later, never before this returns. */
  destroy(): void;
  /** Destroys the connection when nothing moves on it for so long, in milliseconds. */
  destroyWhenIdle(milliseconds: number): void;
  /**
   * Encrypts, as the client. The transport is paused, before and after. `done` is called once, with what went wrong; the
   * transport is destroyed then. Until `done`, its handler is not told anything.
   */
  connectTls(tls: ClientTls, done: (error: Error | null) => void): void;
}

/** Encrypts connections that were accepted. */
export interface TlsAcceptor {
  /** As `connectTls`, as the server. The transport is of the same network; bytes that were given back are the beginning. */
  accept(transport: Transport, done: (error: Error | null) => void): void;
}

/** Where to listen, or what to connect to. */
export type SocketAddress =
  { readonly host: string; readonly port: number } | { readonly file: string };

export interface Listener {
  /** The port; 0 for a Unix socket. */
  readonly port: number;
  readonly address: string;
  /** Accepts no more. Connections stay. Does not remove the file of a Unix socket. */
  close(): void;
}

/** Who is told what a listener does. */
export interface ListenerHandler {
  accepted(transport: Transport): void;
  /** An accept has failed, for example because no file descriptors are left. The listener goes on. */
  failed(error: Error): void;
}

/** The sockets of a runtime. */
export interface Network {
  /** For the log. */
  readonly name: 'node' | 'bun';
  /** Starts to listen; port 0 takes a free one. */
  listen(socketAddress: SocketAddress, handler: ListenerHandler): Promise<Listener>;
  /** Connects. `connected` is called once, unless `handler` is told that it failed; neither within this call. The transport can be destroyed before. */
  connect(
    socketAddress: SocketAddress,
    handler: TransportHandler,
    connected: () => void,
  ): Transport;
  /** What encrypts accepted connections. Throws if a certificate and its key cannot be read or do not match. */
  tlsAcceptor(options: AcceptorOptions): TlsAcceptor;
}

export interface AcceptorOptions {
  /** PEM of certificates with their chains, and keys. The first is for clients that ask for no name or for an unknown one. */
  readonly certificates: readonly { readonly cert: string; readonly key: string }[];
  /** Which certificate is for a client that asks for this name (SNI). */
  readonly choose: (name: string) => number;
  readonly ca: string | undefined;
  readonly crl: string | undefined;
  readonly protocol: TlsProtocol;
  /** Asks clients for certificates. One without a valid certificate is connected nevertheless: `TlsFacts` tells. */
  readonly asksForCertificate: boolean;
}
