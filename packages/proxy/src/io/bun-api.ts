/*
 * The parts of Bun's socket API that the proxy uses: Bun's own types would be a dependency of the whole project.
 * `isServer`, `initialData`, `secureContext` and `serverName` are undocumented; Bun's `node:tls` uses them in the same
 * way.
 */

/** Gets the events of a Bun socket: its transport. */
export interface SocketOwner {
  read(bytes: Buffer): void;
  drained(): void;
  peerEnded(): void;
  failed(error: Error): void;
  closed(error: Error | undefined): void;
  /** The TLS handshake has ended; `error` is null if it succeeded. */
  handshakeEnded(socket: BunSocket, error: Error | null): void;
  /** One of the functions above threw this. */
  broken(error: unknown): void;
}

/** A Bun socket: one object per connection, and another one once the connection is encrypted. */
export interface BunSocket {
  /** Null: events are ignored. */
  data: SocketOwner | null;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly authorized: boolean;
  readonly alpnProtocol: string | false | null;
  /** Returns the number of bytes that the kernel accepted; negative if the socket is closed. */
  write(bytes: Buffer, offset: number, length: number): number;
  pause(): void;
  resume(): void;
  /** Sends FIN. The socket can still read. */
  shutdown(): void;
  /** Closes with FIN (`terminate` would reset), and calls `close` before it returns. */
  close(): void;
  /** Resets the connection. If a TLS 1.3 client calls it in `handshake`, its certificate is not sent. */
  terminate(): void;
  setKeepAlive(enabled: boolean, initialDelay: number): boolean;
  getServername(): string | undefined;
  getAuthorizationError(): BunError | null;
  getPeerCertificate(abbreviated: boolean): BunCertificate | null | undefined;
  /**
   * Starts TLS. The second socket is the encrypted one; the first represents the raw connection and still gets events.
   */
  upgradeTLS(options: {
    readonly isServer: boolean;
    readonly initialData?: Buffer;
    readonly data: SocketOwner;
    readonly tls: BunTls;
    readonly socket: BunHandlers;
  }): readonly [raw: BunSocket, secure: BunSocket] | undefined;
}

export interface BunCertificate {
  readonly raw?: Buffer;
  readonly subject?: { readonly CN?: unknown };
  readonly subjectaltname?: string;
}

export type BunError = Error & { readonly code?: string };

export interface BunTls {
  /** The native part of the result of `tls.createSecureContext`. */
  readonly secureContext: unknown;
  readonly ALPNProtocols: Buffer;
  readonly rejectUnauthorized: boolean;
  readonly requestCert?: boolean;
  readonly serverName?: string;
}

/** The callbacks for all sockets of a listener, or for one outgoing connection. */
export interface BunHandlers {
  open?(socket: BunSocket): void;
  data(socket: BunSocket, bytes: Buffer): void;
  drain(socket: BunSocket): void;
  end(socket: BunSocket): void;
  close(socket: BunSocket, error?: BunError): void;
  error(socket: BunSocket, error: BunError): void;
  connectError?(socket: BunSocket, error: BunError): void;
  handshake?(socket: BunSocket, isComplete: boolean, error: BunError | null): void;
  /** Returns the secure context for the host name that a client sends (SNI). */
  serverName?(listener: unknown, name: string): unknown;
}

interface BunListener {
  readonly port?: number;
  readonly hostname?: string;
  stop(): void;
}

type BunAddress = { readonly hostname: string; readonly port: number } | { readonly unix: string };

interface BunApi {
  listen(
    options: BunAddress & {
      /** Without it, Bun closes a socket when the peer ends its side, and drops unwritten bytes. */
      readonly allowHalfOpen: true;
      readonly data: SocketOwner | null;
      readonly socket: BunHandlers;
    },
  ): BunListener;
  connect(
    options: BunAddress & {
      readonly allowHalfOpen: true;
      readonly data: SocketOwner | null;
      readonly socket: BunHandlers;
    },
  ): Promise<unknown>;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- undefined on Node.js
const { Bun: api } = globalThis as { readonly Bun?: BunApi };

/** Bun's own functions; throws on other runtimes. */
export function bun(): BunApi {
  if (api === undefined) throw new Error('the process does not run on Bun');
  return api;
}
