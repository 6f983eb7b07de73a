import { caught, guarded } from './guard.ts';
import type { BunError, BunHandlers, BunSocket, BunTls, SocketOwner } from './bun-api.ts';
import { nobody } from './quiet-handler.ts';
import type { Ranges } from './ranges.ts';
import { clientUpgrade } from './bun-tls-client.ts';
import type { ClientTls, PeerCertificate, TlsFacts } from './tls.ts';
import type { Transport, TransportHandler } from './transport.ts';
import { WriteQueue } from './write-queue.ts';

/** Where a transport stands. Each is a bit, because all of an idle connection should fit into few bytes. */
const Flag = {
  /** The handler wants nothing to read. Bun's socket may read on: it is stopped when something comes. */
  Paused: 1,
  /** Bun's socket does not read. */
  Stopped: 2,
  /** A turn of the event loop gives the handler what has come. */
  Scheduled: 4,
  /** The other side has ended, and the handler has been told. */
  PeerEnded: 8,
  /** The other side has ended, and the handler has not been told. */
  PeerEndWaits: 16,
  /** Nothing is written any more, apart from what waits. */
  Ended: 32,
  /** The connection is closed when everything is written. */
  ClosesAfter: 64,
  /** It was destroyed: the handler is told of nothing but `onClose`. */
  Destroyed: 128,
  /** Bun's socket is closed. */
  Closed: 256,
  /** The handler was told of an error, which there is only one of. */
  Failed: 512,
  /** It is encrypted, or being encrypted. */
  Encrypted: 1024,
  /** As the client. */
  Client: 2048,
  /** Something has moved since the last check of `destroyWhenIdle`. */
  Moved: 4096,
} as const;

/**
 * Ranges are copied here to be written together. It is used again at once, because Bun takes bytes before `write` returns
 * or not at all.
 */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

type Shaken = (error: Error | null) => void;

function closedEarly(): Error {
  return new Error('the connection was closed during the TLS handshake');
}

/**
 * A socket of Bun, as a transport.
 *
 * Differences between the two, which are made up for here: Bun writes what the kernel takes, and no more; it reads on
 * unless it is told to stop, which is a system call; it closes within `close`; it reports a reset with `close`.
 */
export class BunTransport implements Transport, TlsFacts, SocketOwner {
  handler: TransportHandler = nobody;
  whenClosed: (() => void) | null = null;
  /** Null: not connected yet, or not any more. */
  #socket: BunSocket | null;
  #flags: number = Flag.Paused;
  /** What the kernel has not taken; null: nothing. */
  #queue: WriteQueue | null = null;
  /** What has come while the handler did not read; null: nothing. */
  #input: Buffer[] | null = null;
  /** Who waits for the end of the TLS handshake. */
  #shaken: Shaken | null = null;

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

  /** More than the scratch holds: small ranges are copied together, large ones are written as they are. */
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
      if (taken < 0) return false;
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
    // The socket is closed, which `close` will tell.
    if (taken < 0) return false;
    this.#keep(bytes, start + taken, end);
    return false;
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    (this.#queue ??= new WriteQueue()).add(bytes, start, end);
  }

  /** Bun's socket takes bytes again, or may do so: it also tells when nothing waits. */
  drained(): void {
    const queue = this.#queue;
    const socket = this.#socket;
    if (queue === null || socket === null || this.#shaken !== null) return;
    this.#flags |= Flag.Moved;
    const isEmpty = queue.flush((buffer, start, length) =>
      Math.max(0, socket.write(buffer, start, length)),
    );
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

  /** Gives the handler what has come, but never within its call of `resume`. */
  #schedule(): void {
    if (this.#is(Flag.Scheduled)) return;
    this.#flags |= Flag.Scheduled;
    queueMicrotask(() => {
      this.#flags &= ~Flag.Scheduled;
      this.#deliver();
    });
  }

  /** Bun's socket has read this. */
  read(bytes: Buffer): void {
    if (this.#is(Flag.Destroyed)) return;
    this.#flags |= Flag.Moved;
    if (!this.#is(Flag.Paused) && this.#input === null) {
      this.handler.onData(bytes);
      return;
    }
    (this.#input ??= []).push(bytes);
    if (this.#is(Flag.Paused) && !this.#is(Flag.Stopped)) {
      this.#flags |= Flag.Stopped;
      this.#socket?.pause();
    }
  }

  /** Gives the handler what has come while it did not read. */
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

  /** The other side has ended. */
  peerEnded(): void {
    if (this.#is(Flag.Destroyed | Flag.PeerEnded)) return;
    if (this.#shaken !== null) {
      this.#refuse(closedEarly());
      return;
    }
    if (this.#is(Flag.Paused) || this.#input !== null) {
      this.#flags |= Flag.PeerEndWaits;
      return;
    }
    this.#tellPeerEnded();
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

  /** Everything is written, and nothing more will be. */
  #finish(): void {
    if (this.#is(Flag.ClosesAfter | Flag.PeerEnded)) this.destroy();
    else this.#socket?.shutdown();
  }

  destroy(): void {
    if (this.#is(Flag.Destroyed | Flag.Closed)) return;
    this.#flags |= Flag.Destroyed;
    this.#queue = null;
    this.#input = null;
    this.#shaken = null;
    const socket = this.#socket;
    // While it connects, `opened` closes it.
    if (socket === null) queueMicrotask(() => this.#tellClosed());
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
    // What was asked for meanwhile.
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
    if (this.#is(Flag.Destroyed | Flag.Failed) || this.#shaken !== null) return;
    this.#flags |= Flag.Failed;
    this.handler.onError(error);
  }

  /** Bun's socket is closed. */
  closed(error: Error | undefined): void {
    if (this.#is(Flag.Closed)) return;
    this.#flags |= Flag.Closed;
    this.#socket = null;
    this.#queue = null;
    if (this.#shaken !== null && !this.#is(Flag.Destroyed)) {
      this.#flags |= Flag.Destroyed;
      this.#tellShaken(error ?? closedEarly());
    }
    if (this.#is(Flag.Destroyed)) {
      queueMicrotask(() => this.#tellClosed());
      return;
    }
    // What was read comes before the end, paused or not: no more will come.
    while (this.#input !== null && !this.#is(Flag.Destroyed))
      this.#guarded(() => this.#deliverNext());
    if (error !== undefined && !this.#is(Flag.Destroyed)) this.#guarded(() => this.failed(error));
    // If this side has ended before, Bun reports the end of the other side only with the close.
    if (error === undefined && !this.#is(Flag.Destroyed | Flag.PeerEnded)) this.#tellPeerEnded();
    this.#tellClosed();
  }

  #tellPeerEnded(): void {
    this.#flags &= ~Flag.PeerEndWaits;
    this.#flags |= Flag.PeerEnded;
    this.#guarded(() => this.handler.onEnd());
  }

  #tellClosed(): void {
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

  /** The handler has thrown this. */
  broken(error: unknown): void {
    try {
      this.handler.broken(error);
    } catch (another) {
      caught('the end of a connection', another);
      this.destroy();
    }
  }

  // --- TLS ---

  connectTls(tls: ClientTls, done: Shaken): void {
    if (this.#input !== null) {
      this.destroy();
      done(new Error('unencrypted data before the TLS handshake'));
      return;
    }
    const { tls: options, handlers } = clientUpgrade(tls);
    this.upgrade(false, options, handlers, done);
  }

  /** Begins TLS; what was given back is the beginning. `shaken` follows, or `closed`. */
  upgrade(isServer: boolean, tls: BunTls, handlers: BunHandlers, done: Shaken): void {
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
    this.#shaken = done;
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
    // Its events are of what is encrypted, and those of the other socket tell the same.
    raw.data = null;
    // The handshake may have failed already.
    if (!this.#is(Flag.Closed)) this.#socket = secure;
  }

  shaken(socket: BunSocket, error: Error | null): void {
    this.#socket = socket;
    if (error === null) this.#tellShaken(null);
    else this.#refuse(error);
  }

  /** The handshake has failed. */
  #refuse(error: Error): void {
    if (this.#shaken === null) return;
    this.#flags |= Flag.Destroyed;
    // `close` would first complete the handshake, and send the client certificate to an unverified server.
    if (this.#is(Flag.Client)) this.#socket?.terminate();
    else this.#socket?.close();
    this.#tellShaken(error);
  }

  #tellShaken(error: Error | null): void {
    const done = this.#shaken;
    this.#shaken = null;
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
