import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import {
  FrontendCode,
  StartupCode,
  buildErrorResponse,
  buildNegotiateProtocolVersion,
} from '@sluice/wire';
import { ProxyError } from '../errors.ts';
import type { HandshakeOptions } from './handshake-options.ts';
import { startExchange } from './password-exchange.ts';
import type { PasswordExchange } from './password-exchange.ts';
import type { ServerTls } from './server-tls.ts';
import { readStartupRequest } from './startup-request.ts';
import type { StartupRequest } from './startup-request.ts';

export type { HandshakeOptions } from './handshake-options.ts';

/** Who has logged in, and with what. */
export interface ClientLogin extends Pick<
  StartupRequest,
  'user' | 'database' | 'parameters' | 'replication'
> {
  /** The client's socket, encrypted if it asked for that; no listeners are left on it, and it is paused. */
  readonly socket: Socket;
  readonly tls: boolean;
  /** As whom the proxy logs in to the database for this client. */
  readonly databaseUser: string;
  /** Protocol 3.2: the client takes cancel keys of more than four bytes. */
  readonly longCancelKey: boolean;
  /** What the client sent ahead of being let in. */
  readonly rest: Buffer | null;
  /** The end of the password exchange: to be written in front of whatever the client is told next, in one write. */
  readonly lastWords: Buffer | null;
}

/** Who is told how the handshake went; exactly one of them, once. */
export interface HandshakeHandlers {
  /** Nothing is left to prove. AuthenticationOk has not been sent. */
  loggedIn(login: ClientLogin): void;
  cancel(processId: number, secret: Buffer): void;
  /** The client was refused (and told why), or went away (null). */
  failed(error: ProxyError | null): void;
}

/** PostgreSQL's limits for what follows the length of a startup packet (MAX_STARTUP_PACKET_LENGTH). */
const longestStartup = 10_000;
/** PostgreSQL's limit for a password or SASL message (PG_MAX_AUTH_TOKEN_LENGTH). */
const longestToken = 65_535;
/** How long a client that was refused may take to close its side, in milliseconds. */
const lingerTime = 5000;

/** What the client is expected to send next. */
const Phase = { Startup: 0, Tls: 1, Password: 2, Over: 3 } as const;

const accepted = Buffer.from('S');
const declined = Buffer.from('N');
/** The first byte of a TLS record that holds a handshake message; no startup packet can begin with it. */
const tlsHandshake = 0x16;

function ignore(): void {
  // The handshake is over; whoever has the socket next hears of its errors.
}

/**
 * The beginning of a client connection, up to the proof that the client is who it says: encryption, protocol
 * version, startup packet, password. Nothing of it stays when it is over.
 */
export class ClientHandshake {
  readonly #options: HandshakeOptions;
  readonly #handlers: HandshakeHandlers;
  #socket: Socket;
  #phase: number = Phase.Startup;
  #received: Buffer | null = null;
  #request: StartupRequest | null = null;
  #databaseUser = '';
  #exchange: PasswordExchange | null = null;

  constructor(socket: Socket, options: HandshakeOptions, handlers: HandshakeHandlers) {
    this.#socket = socket;
    this.#options = options;
    this.#handlers = handlers;
    this.#listen();
  }

  /** Ends the handshake; the client is told why if it can be. */
  abort(error: ProxyError): void {
    if (this.#phase === Phase.Over) return;
    if (this.#phase === Phase.Tls) this.#hangUp();
    else this.#refuse(error);
  }

  #listen(): void {
    this.#socket.on('data', this.#onData);
    this.#socket.on('error', this.#onGone);
    this.#socket.on('close', this.#onGone);
    this.#socket.on('end', this.#onGone);
  }

  #silence(): void {
    this.#socket.off('data', this.#onData);
    this.#socket.off('error', this.#onGone);
    this.#socket.off('close', this.#onGone);
    this.#socket.off('end', this.#onGone);
  }

  readonly #onGone = (): void => {
    if (this.#phase !== Phase.Over) this.#hangUp();
  };

  readonly #onData = (chunk: Buffer): void => {
    this.#received = this.#received === null ? chunk : Buffer.concat([this.#received, chunk]);
    let more = true;
    while (more && this.#received !== null) {
      const received: Buffer = this.#received;
      more = this.#phase === Phase.Startup ? this.#readPacket(received) : this.#readToken(received);
    }
  };

  /** Takes `length` bytes off what was received. */
  #take(received: Buffer, length: number): Buffer {
    this.#received = received.length > length ? received.subarray(length) : null;
    return received.subarray(0, length);
  }

  /** Takes one packet of the startup phase. False when it has not all come, or others go on. */
  #readPacket(received: Buffer): boolean {
    if (received[0] === tlsHandshake && !(this.#socket instanceof TLSSocket)) {
      return this.#onDirectTls(received);
    }
    if (received.length < 4) return false;
    const length = received.readUInt32BE(0);
    // PostgreSQL says nothing to who does not speak its protocol at all, either.
    if (length < 8 || length > 4 + longestStartup) return this.#hangUp();
    if (received.length < length) return false;
    const packet = this.#take(received, length);
    switch (packet.readUInt32BE(4)) {
      case StartupCode.SslRequest:
        return this.#onSslRequest();
      case StartupCode.GssEncRequest:
        this.#socket.write(declined);
        return true;
      case StartupCode.CancelRequest:
        return this.#onCancel(packet);
      default:
        return this.#onStartup(packet);
    }
  }

  #onSslRequest(): boolean {
    // Whoever sent this could not know the key: it must not be taken for the client's (CVE-2021-23222).
    if (this.#received !== null) return this.#refuse(new ProxyError('UNENCRYPTED_DATA'));
    const { tls } = this.#options;
    if (tls === null || this.#socket instanceof TLSSocket) {
      this.#socket.write(declined);
      return true;
    }
    this.#socket.write(accepted);
    this.#encrypt(tls, false);
    return false;
  }

  /** A TLS handshake without SSLRequest before it (sslnegotiation=direct of PostgreSQL 17). */
  #onDirectTls(received: Buffer): boolean {
    const { tls } = this.#options;
    if (tls === null) return this.#hangUp();
    this.#received = null;
    this.#socket.pause();
    this.#socket.unshift(received);
    this.#encrypt(tls, true);
    return false;
  }

  #encrypt(tls: ServerTls, direct: boolean): void {
    this.#phase = Phase.Tls;
    this.#silence();
    this.#socket.pause();
    tls.encrypt(this.#socket, (secure) => {
      if (this.#phase !== Phase.Tls) return;
      if (secure === null) {
        this.#hangUp();
        return;
      }
      this.#socket = secure;
      this.#phase = Phase.Startup;
      this.#listen();
      // Without ALPN another protocol's client may have been led here (manual, "SSL Session Encryption").
      if (direct && secure.alpnProtocol !== 'postgresql') this.#hangUp();
      else if (tls.clientCertificate !== 'none' && !secure.authorized)
        this.#refuse(
          new ProxyError('CLIENT_CERTIFICATE', { why: String(secure.authorizationError) }),
        );
    });
  }

  /** CancelRequest (F): Int32 length, Int32(80877102), Int32 process id, Byten secret. */
  #onCancel(packet: Buffer): boolean {
    this.#release();
    // The answer to a cancel request is that the connection is closed, whether the key was right or not.
    this.#close(null);
    const secret = packet.subarray(12);
    if (secret.length >= 4 && secret.length <= 256)
      this.#handlers.cancel(packet.readUInt32BE(8), secret);
    else this.#handlers.failed(null);
    return false;
  }

  #onStartup(packet: Buffer): boolean {
    const { tls, requireTls, credentials, mockSecret } = this.#options;
    const secure = this.#socket instanceof TLSSocket ? this.#socket : null;
    let request: StartupRequest;
    try {
      request = readStartupRequest(packet);
    } catch (error) {
      if (error instanceof ProxyError) return this.#refuse(error);
      throw error;
    }
    const { user, negotiate } = request;
    if (requireTls && secure === null) return this.#refuse(new ProxyError('TLS_REQUIRED'));
    if (secure !== null && tls?.clientCertificate === 'verify-full') {
      const name: unknown = secure.getPeerCertificate().subject.CN;
      if (name !== user) {
        const why = `it names "${String(name)}", not "${user}"`;
        return this.#refuse(new ProxyError('CLIENT_CERTIFICATE', { why }));
      }
    }
    const credential = credentials.client(user);
    this.#request = request;
    this.#databaseUser = credential?.databaseUser ?? user;
    const endPoint = secure === null ? null : (tls?.endPoint ?? null);
    this.#exchange = startExchange(user, credential, endPoint, mockSecret);
    this.#phase = Phase.Password;
    this.#socket.write(
      negotiate === null
        ? this.#exchange.request
        : Buffer.concat([
            buildNegotiateProtocolVersion(negotiate.version, negotiate.unknown),
            this.#exchange.request,
          ]),
    );
    return true;
  }

  /** Takes one message of the password exchange. False when it has not all come, or the handshake is over. */
  #readToken(received: Buffer): boolean {
    if (received.length < 5) return false;
    const length = received.readUInt32BE(1);
    if (received[0] === FrontendCode.Terminate) return this.#hangUp();
    if (received[0] !== FrontendCode.Password || length < 4 || length > longestToken) {
      const what = `expected a password message, got 0x${received.toString('hex', 0, 1)}`;
      return this.#refuse(new ProxyError('PROTOCOL_VIOLATION', { what }));
    }
    if (received.length < 1 + length) return false;
    const token = this.#take(received, 1 + length).subarray(5);
    const exchange = this.#exchange;
    const request = this.#request;
    if (exchange === null || request === null) return this.#hangUp();
    const { outcome, reply } = exchange.answer(token);
    if (outcome === 'admitted') return this.#admit(request, reply);
    if (outcome === 'wrong password') {
      this.#options.wrongPassword();
      return this.#refuse(new ProxyError('WRONG_PASSWORD', { user: request.user }));
    }
    if (outcome === 'malformed')
      return this.#refuse(
        new ProxyError('PROTOCOL_VIOLATION', { what: 'a malformed SCRAM message' }),
      );
    if (reply !== null) this.#socket.write(reply);
    return true;
  }

  #admit(request: StartupRequest, lastWords: Buffer | null): false {
    const socket = this.#socket;
    const rest = this.#received;
    this.#release();
    socket.pause();
    this.#handlers.loggedIn({
      user: request.user,
      database: request.database,
      parameters: request.parameters,
      replication: request.replication,
      databaseUser: this.#databaseUser,
      longCancelKey: request.minor >= 2,
      socket,
      tls: socket instanceof TLSSocket,
      rest,
      lastWords,
    });
    return false;
  }

  /** Tells the client why it is not let in. Always false, for `return this.#refuse(…)`. */
  #refuse(error: ProxyError): false {
    this.#release();
    this.#close(buildErrorResponse({ ...error.fields, severity: 'FATAL' }));
    this.#handlers.failed(error);
    return false;
  }

  /** Always false, for `return this.#hangUp()`. */
  #hangUp(): false {
    this.#release();
    this.#socket.on('error', ignore);
    this.#socket.destroy();
    this.#handlers.failed(null);
    return false;
  }

  #release(): void {
    this.#phase = Phase.Over;
    this.#received = null;
    this.#silence();
  }

  /** Ends the connection in order: closed at once, it would be reset, and the client might not read why. */
  #close(lastWords: Buffer | null): void {
    const socket = this.#socket;
    socket.on('error', ignore);
    const timer = setTimeout(() => socket.destroy(), lingerTime);
    socket.once('close', () => clearTimeout(timer));
    if (lastWords === null) socket.end();
    else socket.end(lastWords);
    socket.resume();
  }
}
