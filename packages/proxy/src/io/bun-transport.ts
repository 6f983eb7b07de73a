import { caught, guarded } from './guard.ts';
import type { BunError, BunHandlers, BunSocket, BunTls, SocketOwner } from './bun-api.ts';
import { ignoring } from './quiet-handler.ts';
import type { Ranges } from './ranges.ts';
import { clientUpgrade } from './bun-tls-client.ts';
import type { ClientTls, PeerCertificate, TlsFacts } from './tls.ts';
import type { Transport, TransportHandler } from './transport.ts';
import { WriteQueue } from './write-queue.ts';

/** The state of a transport, one bit each, so that an idle connection takes few bytes. */
const Flag = {
  /** The handler has paused reading. Bun's socket keeps reading until more data arrives, and is stopped then. */
  Paused: 1,
  /** Bun's socket does not read. */
  Stopped: 2,
  /** A microtask is scheduled that gives received bytes to the handler. */
  Scheduled: 4,
  /** The peer has ended its side, and the handler was notified. */
  PeerEnded: 8,
  /** The peer has ended its side, but the handler was not notified yet. */
  PeerEndWaits: 16,
  /** This side has ended: only queued bytes are still written. */
  Ended: 32,
  /** Close the connection when everything is written. */
  ClosesAfter: 64,
  /** Destroyed: the handler gets only `onClose`. */
  Destroyed: 128,
  /** Bun's socket is closed. */
  Closed: 256,
  /** The handler was notified of an error; there is at most one. */
  Failed: 512,
  /** Encrypted, or in the TLS handshake. */
  Encrypted: 1024,
  /** TLS as the client. */
  Client: 2048,
  /** Bytes were read or written since the last check of `destroyWhenIdle`. */
  Moved: 4096,
  /** The kernel has refused a write: the peer is gone. */
  Lost: 8192,
} as const;

/**
 * Ranges are copied here to be written together. It can be reused immediately, because Bun takes bytes before `write`
 * returns or not at all.
 */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

type HandshakeDone = (error: Error | null) => void;

function closedEarly(): Error {
  return new Error('the connection was closed during the TLS handshake');
}

/**
 * The transport over a Bun socket.
 *
 * It hides these properties of Bun: `write` writes what the kernel accepts and drops the rest; a socket keeps reading
 * unless it is paused, which is a system call; `close` calls back before it returns; a reset is reported with `close`,
 * but if a write met it first, only while the socket reads.
 */
export class BunTransport implements Transport, TlsFacts, SocketOwner {
  handler: TransportHandler = ignoring;
  whenClosed: (() => void) | null = null;
  /** Null while it connects, and after it is closed. */
  #socket: BunSocket | null;
  #flags: number = Flag.Paused;
  /** The bytes that the kernel has not accepted yet; null if there are none. */
  #queue: WriteQueue | null = null;
  /** The bytes received while the handler was paused; null if there are none. */
  #input: Buffer[] | null = null;
  /** Called at the end of the TLS handshake. */
  #handshakeDone: HandshakeDone | null = null;

  /** `socket` is null while it connects. */
  constructor(socket: BunSocket | null) {
    this.#socket = socket;
  }

  #is(flag: number): boolean {
    return (this.#flags & flag) !== 0;
  }

  get remoteAddress(): string | undefined {
    return this.#socket?.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket?.remotePort;
  }

  get isEnded(): boolean {
    return this.#is(Flag.Ended | Flag.Destroyed | Flag.Closed);
  }

  get unsent(): number {
    return this.#queue?.bytes ?? 0;
  }

  // --- Writing ---

  write(bytes: Buffer): boolean {
    return this.#send(bytes, 0, bytes.length);
  }

  writeRanges(ranges: Ranges): boolean {
    const { count, bytes, buffers, starts, ends } = ranges;
    const first = buffers[0];
    if (count === 1 && first !== undefined) return this.#send(first, starts[0] ?? 0, ends[0] ?? 0);
    if (bytes <= scratch.length) {
      ranges.copyTo(scratch);
      return this.#sendScratch(bytes);
    }
    return this.#sendMany(ranges);
  }

  /** For more bytes than the scratch buffer holds: joins small ranges, and writes large ones directly. */
  #sendMany({ count, buffers, starts, ends }: Ranges): boolean {
    let isTaken = true;
    let copied = 0;
    for (let index = 0; index < count; index++) {
      const buffer = buffers[index];
      if (buffer === undefined) continue;
      const start = starts[index] ?? 0;
      const end = ends[index] ?? 0;
      const length = end - start;
      if (length > scratch.length - copied && copied > 0) {
        isTaken = this.#sendScratch(copied);
        copied = 0;
      }
      if (length > scratch.length / 4) {
        if (copied > 0) this.#sendScratch(copied);
        copied = 0;
        isTaken = this.#send(buffer, start, end);
      } else copied += buffer.copy(scratch, copied, start, end);
    }
    return copied === 0 ? isTaken : this.#sendScratch(copied);
  }

  #sendScratch(length: number): boolean {
    const queued = this.#queue;
    const socket = this.#socket;
    if (queued === null && socket !== null && !this.isEnded) {
      const taken = socket.write(scratch, 0, length);
      if (taken === length) return true;
      if (taken < 0) return this.#writeFailed();
      this.#keep(Buffer.from(scratch.subarray(taken, length)), 0, length - taken);
      return false;
    }
    return this.#send(Buffer.from(scratch.subarray(0, length)), 0, length);
  }

  #send(bytes: Buffer, start: number, end: number): boolean {
    if (this.isEnded) return false;
    const socket = this.#socket;
    if (this.#queue !== null || socket === null) {
      this.#keep(bytes, start, end);
      return false;
    }
    const length = end - start;
    if (length === 0) return true;
    const taken = socket.write(bytes, start, length);
    if (taken === length) return true;
    if (taken < 0) return this.#writeFailed();
    this.#keep(bytes, start + taken, end);
    return false;
  }

  /** The peer is gone. Bun's socket has to read until the end, which it reports then: `closed` follows. */
  #writeFailed(): false {
    this.#flags |= Flag.Lost;
    if (this.#is(Flag.Stopped)) {
      this.#flags &= ~Flag.Stopped;
      this.#socket?.resume();
    }
    return false;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    (this.#queue ??= new WriteQueue()).add(bytes, start, end);
  }

  /** Bun's socket may accept bytes again. Bun also calls this when nothing waits. */
  drained(): void {
    const queue = this.#queue;
    const socket = this.#socket;
    if (queue === null || socket === null || this.#handshakeDone !== null) return;
    this.#flags |= Flag.Moved;
    const isEmpty = queue.flush((buffer, start, length) => {
      const taken = socket.write(buffer, start, length);
      if (taken >= 0) return taken;
      this.#writeFailed();
      return 0;
    });
    if (!isEmpty) return;
    this.#queue = null;
    if (this.#is(Flag.Ended)) this.#finish();
    else this.handler.onDrain();
  }

  // --- Reading ---

  pause(): void {
    this.#flags |= Flag.Paused;
  }

  resume(): void {
    if (!this.#is(Flag.Paused)) return;
    this.#flags &= ~Flag.Paused;
    if (this.#is(Flag.Stopped)) {
      this.#flags &= ~Flag.Stopped;
      this.#socket?.resume();
    }
    if (this.#input !== null || this.#is(Flag.PeerEndWaits)) this.#schedule();
  }

  unread(bytes: Buffer): void {
    (this.#input ??= []).unshift(bytes);
  }

  /** Schedules the delivery of received bytes: never within the handler's call of `resume`. */
  #schedule(): void {
    if (this.#is(Flag.Scheduled)) return;
    this.#flags |= Flag.Scheduled;
    queueMicrotask(() => {
      this.#flags &= ~Flag.Scheduled;
      this.#deliver();
    });
  }

  /** Bun's socket has read these bytes. */
  read(bytes: Buffer): void {
    if (this.#is(Flag.Destroyed)) return;
    this.#flags |= Flag.Moved;
    if (!this.#is(Flag.Paused) && this.#input === null) {
      this.handler.onData(bytes);
      return;
    }
    (this.#input ??= []).push(bytes);
    if (this.#is(Flag.Paused) && !this.#is(Flag.Stopped | Flag.Lost)) {
      this.#flags |= Flag.Stopped;
      this.#socket?.pause();
    }
  }

  /** Gives the handler the bytes that were received while it was paused. */
  #deliver(): void {
    while (this.#input !== null && !this.#is(Flag.Paused | Flag.Destroyed))
      this.#guarded(() => this.#deliverNext());
    if (this.#is(Flag.PeerEndWaits) && !this.#is(Flag.Paused)) this.peerEnded();
  }

  #deliverNext(): void {
    const bytes = this.#input?.shift();
    if (this.#input?.length === 0) this.#input = null;
    if (bytes !== undefined) this.handler.onData(bytes);
  }

  /** The peer has ended its side. */
  peerEnded(): void {
    if (this.#is(Flag.Destroyed | Flag.PeerEnded)) return;
    if (this.#handshakeDone !== null) {
      this.#refuse(closedEarly());
      return;
    }
    if (this.#is(Flag.Paused) || this.#input !== null) {
      this.#flags |= Flag.PeerEndWaits;
      return;
    }
    this.#notifyPeerEnded();
    this.end();
  }

  // --- The end ---

  end(last?: Buffer): void {
    if (this.#is(Flag.Destroyed | Flag.Closed)) return;
    if (this.#is(Flag.Ended)) {
      if (this.#queue === null && this.#is(Flag.PeerEnded)) this.#finish();
      return;
    }
    if (last !== undefined) this.write(last);
    this.#flags |= Flag.Ended;
    if (this.#queue === null) this.#finish();
  }

  endAndClose(): void {
    if (this.#is(Flag.Destroyed | Flag.Closed)) return;
    this.#flags |= Flag.Ended | Flag.ClosesAfter;
    if (this.#queue === null) this.#finish();
  }

  /** This side has ended, and everything is written. */
  #finish(): void {
    if (this.#is(Flag.ClosesAfter | Flag.PeerEnded)) this.destroy();
    else this.#socket?.shutdown();
  }

  destroy(): void {
    if (this.#is(Flag.Destroyed | Flag.Closed)) return;
    this.#flags |= Flag.Destroyed;
    this.#queue = null;
    this.#input = null;
    this.#handshakeDone = null;
    const socket = this.#socket;
    // While the socket connects, `opened` closes it.
    if (socket === null) queueMicrotask(() => this.#notifyClosed());
    else socket.close();
  }

  destroyWhenIdle(milliseconds: number): void {
    this.#flags &= ~Flag.Moved;
    const check = (): void => {
      if (this.#is(Flag.Closed | Flag.Destroyed)) return;
      if (this.#is(Flag.Moved)) this.destroyWhenIdle(milliseconds);
      else this.destroy();
    };
    setTimeout(check, milliseconds).unref();
  }

  /** Bun's socket is connected. */
  opened(socket: BunSocket): void {
    if (this.#is(Flag.Destroyed)) {
      socket.close();
      return;
    }
    this.#socket = socket;
    // What was requested while it connected.
    if (this.#queue !== null) this.#guarded(() => this.drained());
    else if (this.#is(Flag.Ended)) this.#finish();
  }

  /** Bun's socket could not connect. */
  notConnected(error: Error): void {
    if (this.#is(Flag.Destroyed)) return;
    this.closed(error);
  }

  /** The connection has failed; Bun closes the socket. */
  failed(error: Error): void {
    if (this.#is(Flag.Destroyed | Flag.Failed) || this.#handshakeDone !== null) return;
    this.#flags |= Flag.Failed;
    this.handler.onError(error);
  }

  /** Bun's socket is closed. */
  closed(error: Error | undefined): void {
    if (this.#is(Flag.Closed)) return;
    this.#flags |= Flag.Closed;
    this.#socket = null;
    this.#queue = null;
    if (this.#handshakeDone !== null && !this.#is(Flag.Destroyed)) {
      this.#flags |= Flag.Destroyed;
      this.#finishHandshake(error ?? closedEarly());
    }
    if (this.#is(Flag.Destroyed)) {
      queueMicrotask(() => this.#notifyClosed());
      return;
    }
    // The handler gets the received bytes before the end, even if it is paused.
    while (this.#input !== null && !this.#is(Flag.Destroyed))
      this.#guarded(() => this.#deliverNext());
    if (error !== undefined && !this.#is(Flag.Destroyed)) this.#guarded(() => this.failed(error));
    // If this side ended first, Bun reports the end of the peer only with the close.
    if (error === undefined && !this.#is(Flag.Destroyed | Flag.PeerEnded)) this.#notifyPeerEnded();
    this.#notifyClosed();
  }

  #notifyPeerEnded(): void {
    this.#flags &= ~Flag.PeerEndWaits;
    this.#flags |= Flag.PeerEnded;
    this.#guarded(() => this.handler.onEnd());
  }

  #notifyClosed(): void {
    this.#flags |= Flag.Closed;
    this.#guarded(() => this.handler.onClose());
    const { whenClosed } = this;
    this.whenClosed = null;
    if (whenClosed !== null) guarded('the end of a connection', whenClosed);
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.broken(error);
    }
  }

  /** The handler threw this. */
  broken(error: unknown): void {
    try {
      this.handler.broken(error);
    } catch (another) {
      caught('the end of a connection', another);
      this.destroy();
    }
  }

  // --- TLS ---

  connectTls(tls: ClientTls, done: HandshakeDone): void {
    if (this.#input !== null) {
      this.destroy();
      done(new Error('unencrypted data before the TLS handshake'));
      return;
    }
    const { tls: options, handlers } = clientUpgrade(tls);
    this.upgrade(false, options, handlers, done);
  }

  /** Starts TLS; bytes from `unread` come first. `handshakeEnded` or `closed` follows. */
  upgrade(isServer: boolean, tls: BunTls, handlers: BunHandlers, done: HandshakeDone): void {
    const socket = this.#socket;
    if (socket === null || this.isEnded || this.#queue !== null) {
      this.destroy();
      queueMicrotask(() => done(new Error('the connection is closing')));
      return;
    }
    if (this.#is(Flag.Stopped)) socket.resume();
    this.#flags &= ~Flag.Stopped;
    this.#flags |= isServer ? Flag.Encrypted : Flag.Encrypted | Flag.Client;
    const input = this.#input;
    this.#input = null;
    this.#handshakeDone = done;
    const pair = socket.upgradeTLS({
      isServer,
      ...(input === null ? {} : { initialData: Buffer.concat(input) }),
      data: this,
      tls,
      socket: handlers,
    });
    if (pair === undefined) {
      this.closed(undefined);
      return;
    }
    const [raw, secure] = pair;
    // Its events concern the encrypted bytes; the secure socket has events of its own.
    raw.data = null;
    // The handshake may have failed already.
    if (!this.#is(Flag.Closed)) this.#socket = secure;
  }

  handshakeEnded(socket: BunSocket, error: Error | null): void {
    this.#socket = socket;
    if (error === null) this.#finishHandshake(null);
    else this.#refuse(error);
  }

  /** The handshake has failed. */
  #refuse(error: Error): void {
    if (this.#handshakeDone === null) return;
    this.#flags |= Flag.Destroyed;
    // `close` would complete the handshake first, which sends the client certificate to an unverified server.
    if (this.#is(Flag.Client)) this.#socket?.terminate();
    else this.#socket?.close();
    this.#finishHandshake(error);
  }

  #finishHandshake(error: Error | null): void {
    const done = this.#handshakeDone;
    this.#handshakeDone = null;
    done?.(error);
  }

  get tls(): TlsFacts | null {
    return this.#is(Flag.Encrypted) ? this : null;
  }

  get alpn(): string | null {
    const alpn = this.#socket?.alpnProtocol;
    return typeof alpn === 'string' ? alpn : null;
  }

  get serverName(): string {
    return this.#socket?.getServername() ?? '';
  }

  get isAuthorized(): boolean {
    return this.#socket?.authorized ?? false;
  }

  get authorizationError(): string | null {
    const error: BunError | null = this.#socket?.getAuthorizationError() ?? null;
    return error === null ? null : (error.code ?? error.message);
  }

  get certificate(): PeerCertificate | null {
    const certificate = this.#socket?.getPeerCertificate(true);
    if (certificate?.raw === undefined) return null;
    const name = certificate.subject?.CN;
    return { raw: certificate.raw, commonName: typeof name === 'string' ? name : undefined };
  }
}
