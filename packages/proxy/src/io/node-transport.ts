import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ignoring } from './quiet-handler.ts';
import type { Ranges } from './ranges.ts';
import { reader } from './reader.ts';
import type { PeerCertificate, TlsFacts } from './tls.ts';
import type { ClientTls } from './tls.ts';
import type { Transport, TransportHandler } from './transport.ts';
import { connectTls } from './node-tls-client.ts';
import type { HandshakeResult } from './node-tls-client.ts';
import { unsent, write } from './writer.ts';

/** Ranges of up to this many bytes in total are joined: one small copy costs less than a vectored write. */
const copyLimit = 16 * 1024;

/** The property of a socket that refers to its transport, so that shared listeners need no closure. */
const transportKey = Symbol('transport');

type OwnedSocket = Socket & { [transportKey]?: NodeTransport | undefined };

/** Calls the handler of a socket's transport, and passes it what it throws. */
function notify(socket: OwnedSocket, event: (handler: TransportHandler) => void): void {
  const handler = socket[transportKey]?.handler;
  if (handler === undefined) return;
  try {
    event(handler);
  } catch (error) {
    handler.broken(error);
  }
}

const { listen: listenForData, forget: forgetData } = reader<OwnedSocket>(
  function (chunk) {
    this[transportKey]?.handler.onData(chunk);
  },
  function (error) {
    this[transportKey]?.handler.broken(error);
  },
);

const drained = (handler: TransportHandler): void => handler.onDrain();
const ended = (handler: TransportHandler): void => handler.onEnd();
const closed = (handler: TransportHandler): void => handler.onClose();

function onDrain(this: OwnedSocket): void {
  notify(this, drained);
}

function onEnd(this: OwnedSocket): void {
  // On Bun, a destroyed socket still emits its end.
  if (!this.destroyed) notify(this, ended);
}

function onError(this: OwnedSocket, error: Error): void {
  notify(this, (handler) => handler.onError(error));
}

function onClose(this: OwnedSocket): void {
  notify(this, closed);
  this[transportKey]?.wasClosed();
}

function onTimeout(this: OwnedSocket): void {
  this.destroy();
}

/** The transport over a Node.js socket. */
export class NodeTransport implements Transport, TlsFacts {
  handler: TransportHandler = ignoring;
  whenClosed: (() => void) | null = null;
  #socket: OwnedSocket;
  /** During a TLS handshake: the socket below the encrypted one. */
  #below: Socket | null = null;

  /** `socket` is paused or connecting, and has no other listeners. */
  constructor(socket: Socket) {
    this.#socket = socket;
    this.#adopt(socket);
  }

  #adopt(socket: OwnedSocket): void {
    this.#socket = socket;
    socket[transportKey] = this;
    listenForData(socket);
    // A listener for `data` starts the flow unless the socket was paused explicitly.
    socket.pause();
    socket.on('drain', onDrain);
    socket.on('end', onEnd);
    socket.on('error', onError);
    socket.on('close', onClose);
  }

  /** The socket is closed. */
  wasClosed(): void {
    const { whenClosed } = this;
    this.whenClosed = null;
    whenClosed?.();
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort;
  }

  get isEnded(): boolean {
    return !this.#socket.writable;
  }

  get unsent(): number {
    return unsent(this.#socket);
  }

  write(bytes: Buffer): boolean {
    return write(this.#socket, bytes);
  }

  writeRanges(ranges: Ranges): boolean {
    const { count, bytes } = ranges;
    if (count === 1) return write(this.#socket, ranges.at(0));
    const socket = this.#socket;
    if (bytes <= copyLimit) {
      const copy = Buffer.allocUnsafe(bytes);
      ranges.copyTo(copy);
      return write(socket, copy);
    }
    if (!socket.writable) return false;
    socket.cork();
    let isTaken = true;
    for (let index = 0; index < count; index++) isTaken = socket.write(ranges.at(index));
    socket.uncork();
    return isTaken;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  unread(bytes: Buffer): void {
    this.#socket.unshift(bytes);
  }

  end(last?: Buffer): void {
    if (last === undefined) this.#socket.end();
    else this.#socket.end(last);
  }

  endAndClose(): void {
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#below?.destroy();
  }

  destroyWhenIdle(milliseconds: number): void {
    this.#socket.setTimeout(milliseconds, onTimeout);
  }

  connectTls(tls: ClientTls, done: (error: Error | null) => void): void {
    const plain = this.release();
    this.encrypted(connectTls(plain, tls, (result) => this.handshakeEnded(result, done)));
  }

  // --- For the TLS of this folder ---

  /** Detaches and returns the paused socket: the handler gets no more of its events. */
  release(): Socket {
    const socket = this.#socket;
    socket[transportKey] = undefined;
    forgetData(socket);
    socket.off('drain', onDrain);
    socket.off('end', onEnd);
    socket.off('close', onClose);
    // The error listener stays: the encrypted socket also reports errors of the raw one.
    return socket;
  }

  /** Replaces the socket with the encrypted one. `handshakeEnded` follows; the handler gets no events before. */
  encrypted(socket: Socket): void {
    if (socket === this.#socket) return;
    this.#below = this.#socket;
    this.#socket = socket;
  }

  /** The TLS handshake has ended. */
  handshakeEnded({ error, isClosed }: HandshakeResult, done: (error: Error | null) => void): void {
    const socket = this.#socket;
    this.#adopt(socket);
    if (error !== null) this.destroy();
    this.#below = null;
    done(error);
    // It was closed while the handler got no events.
    if (isClosed) onClose.call(socket);
  }

  // --- TLS ---

  get tls(): TlsFacts | null {
    return this.#socket instanceof TLSSocket ? this : null;
  }

  get #secure(): TLSSocket {
    if (this.#socket instanceof TLSSocket) return this.#socket;
    throw new TypeError('the connection is not encrypted');
  }

  get alpn(): string | null {
    const { alpnProtocol } = this.#secure;
    return typeof alpnProtocol === 'string' ? alpnProtocol : null;
  }

  get serverName(): string {
    const secure: object = this.#secure;
    return 'servername' in secure && typeof secure.servername === 'string' ? secure.servername : '';
  }

  get isAuthorized(): boolean {
    return this.#secure.authorized;
  }

  get authorizationError(): string | null {
    // An Error according to the types of Node.js; in fact a string or null.
    const why: unknown = this.#secure.authorizationError;
    if (why instanceof Error) return why.message;
    return typeof why === 'string' ? why : null;
  }

  get certificate(): PeerCertificate | null {
    const certificate: { raw?: Buffer; subject?: { CN?: unknown } } | null =
      this.#secure.getPeerCertificate();
    if (certificate?.raw === undefined) return null;
    const name = certificate.subject?.CN;
    return {
      raw: certificate.raw,
      commonName: typeof name === 'string' ? name : undefined,
    };
  }
}
