/*
 * What is used of Bun's own sockets, since the types of Bun would be a dependency of the whole project. `isServer`,
 * `initialData`, `secureContext` and `serverName` are not in its manual; `node:tls` of Bun uses them in the same way.
 */

/** Who is told what happens on a socket of Bun: its transport. */
export interface SocketOwner {
  read(bytes: Buffer): void;
  drained(): void;
  peerEnded(): void;
  failed(error: Error): void;
  closed(error: Error | undefined): void;
  /** The TLS handshake is over; the error is why it failed. */
  shaken(socket: BunSocket, error: Error | null): void;
  /** One of these has thrown this. */
  broken(error: unknown): void;
}

/** A socket of Bun. One object per connection; encrypted, it is another one. */
export interface BunSocket {
  /** Null: nobody is interested. */
  data: SocketOwner | null;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly authorized: boolean;
  readonly alpnProtocol: string | false | null;
  /** Returns the number of bytes that the kernel has taken; less than 0: the socket is closed. */
  write(bytes: Buffer, offset: number, length: number): number;
  pause(): void;
  resume(): void;
  /** Sends FIN. The socket still reads. */
  shutdown(): void;
  /** Closes with FIN (`terminate` would reset), and calls `close` before it returns. */
  close(): void;
  /** Resets the connection. A TLS 1.3 client that does so in `handshake` has not sent its certificate yet. */
  terminate(): void;
  setKeepAlive(enabled: boolean, initialDelay: number): boolean;
  getServername(): string | undefined;
  getAuthorizationError(): BunError | null;
  getPeerCertificate(abbreviated: boolean): BunCertificate | null | undefined;
  /** Encrypts. The second socket is the encrypted one; the first is what is left of this one, and still gets events. */
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
  /** The native part of what `tls.createSecureContext` makes. */
  readonly secureContext: unknown;
  readonly ALPNProtocols: Buffer;
  readonly rejectUnauthorized: boolean;
  readonly requestCert?: boolean;
  readonly serverName?: string;
}

/** The functions that are called for all sockets of a listener, or for one that is connected. */
export interface BunHandlers {
  open?(socket: BunSocket): void;
  data(socket: BunSocket, bytes: Buffer): void;
  drain(socket: BunSocket): void;
  end(socket: BunSocket): void;
  close(socket: BunSocket, error?: BunError): void;
  error(socket: BunSocket, error: BunError): void;
  connectError?(socket: BunSocket, error: BunError): void;
  handshake?(socket: BunSocket, isComplete: boolean, error: BunError | null): void;
  /** Returns the secure context for the host that a client asks for. */
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
      /** Otherwise a socket is closed when the other side ends, and what was not written is lost. */
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

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- on Node.js it is undefined
const { Bun: api } = globalThis as { readonly Bun?: BunApi };

/** Bun's own functions; throws on another runtime. */
export function bun(): BunApi {
  if (api === undefined) throw new Error('the process does not run on Bun');
  return api;
}
