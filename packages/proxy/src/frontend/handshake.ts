import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import {
  FrontendCode,
  ScramServer,
  StartupCode,
  buildAuthenticationMd5,
  buildAuthenticationSasl,
  buildErrorResponse,
  buildNegotiateProtocolVersion,
  buildSaslContinue,
  buildSaslFinal,
  md5Response,
  mockVerifier,
  noBinding,
  parseOptions,
  parseStartup,
} from '@sluice/wire';
import type { Credential } from '../credentials/credentials.ts';
import { ProxyError } from '../errors.ts';
import type { HandshakeOptions, ServerTls } from './handshake-options.ts';

export type { HandshakeOptions } from './handshake-options.ts';

/** Who has logged in, and with what. */
export interface ClientLogin {
  /** The client's socket, encrypted if it asked for that; no listeners are left on it, and it is paused. */
  readonly socket: Socket;
  readonly tls: boolean;
  readonly user: string;
  readonly database: string;
  /** As whom the proxy logs in to the database for this client. */
  readonly databaseUser: string;
  /** The startup parameters in their order, those inside `options` among them. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** The value of the `replication` parameter when it asks for a replication connection, else null. */
  readonly replication: string | null;
  /** Protocol 3.2: the client takes cancel keys of more than four bytes. */
  readonly longCancelKey: boolean;
  /** What the client sent ahead of being let in. */
  readonly rest: Buffer | null;
}

/** Who is told how the handshake went; exactly one of them, once. */
export interface HandshakeHandlers {
  loggedIn(login: ClientLogin): void;
  cancel(processId: number, secret: Buffer): void;
  /** The client was refused (and told why), or went away (null). */
  failed(error: ProxyError | null): void;
}

/** PostgreSQL's limit for a packet of the startup phase (MAX_STARTUP_PACKET_LENGTH). */
const longestPacket = 10_000;
/** PostgreSQL's limit for a password or SASL message (PG_MAX_AUTH_TOKEN_LENGTH). */
const longestToken = 65_535;
/** The newest minor version of protocol 3 that is spoken here. */
const newestMinor = 2;

/** What the client is expected to send next. */
const Phase = { Startup: 0, Tls: 1, SaslInitial: 2, SaslFinal: 3, Md5: 4, Over: 5 } as const;

const accepted = Buffer.from('S');
const declined = Buffer.from('N');

function ignore(): void {
  // The encrypted socket reports the errors of the one below it.
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
  #tls: TLSSocket | null = null;
  #directTls = false;
  #login: Omit<ClientLogin, 'socket' | 'tls' | 'rest'> | null = null;
  #scram: ScramServer | null = null;
  #md5Salt: Buffer | null = null;
  #credential: Credential | undefined;

  constructor(socket: Socket, options: HandshakeOptions, handlers: HandshakeHandlers) {
    this.#socket = socket;
    this.#options = options;
    this.#handlers = handlers;
    this.#listen();
  }

  /** Ends the handshake; the client is told why if it can be. */
  abort(error: ProxyError): void {
    if (this.#phase === Phase.Over) return;
    this.#refuse(error);
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
    if (this.#phase === Phase.Over) return;
    this.#phase = Phase.Over;
    this.#silence();
    this.#socket.on('error', ignore);
    this.#socket.destroy();
    this.#handlers.failed(null);
  };

  readonly #onData = (chunk: Buffer): void => {
    this.#received = this.#received === null ? chunk : Buffer.concat([this.#received, chunk]);
    while (this.#received !== null && this.#phase !== Phase.Over && this.#phase !== Phase.Tls) {
      if (!(this.#phase === Phase.Startup ? this.#readPacket() : this.#readToken())) return;
    }
  };

  /** Takes one packet of the startup phase. False when it has not all come, or the handshake is over. */
  #readPacket(): boolean {
    const received = this.#received;
    if (received === null) return false;
    if (received[0] === 0x16 && this.#tls === null) {
      // A TLS record without SSLRequest before it: direct TLS (PostgreSQL 17).
      const { tls } = this.#options;
      if (tls === null) this.#hangUp();
      else {
        this.#directTls = true;
        this.#received = null;
        this.#encrypt(tls, received);
      }
      return false;
    }
    if (received.length < 8) return false;
    const length = received.readUInt32BE(0);
    if (length < 8 || length > longestPacket) {
      this.#refuse(new ProxyError('PROTOCOL_VIOLATION', { what: `a startup packet of length ${length}` }));
      return false;
    }
    if (received.length < length) return false;
    const packet = received.subarray(0, length);
    this.#received = received.length > length ? received.subarray(length) : null;
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
    const { tls } = this.#options;
    if (tls === null || this.#tls !== null) {
      this.#socket.write(declined);
      return true;
    }
    if (this.#received !== null) {
      // Whoever sent this could not know the key: it must not be taken for the client's (CVE-2021-23222).
      this.#refuse(new ProxyError('PROTOCOL_VIOLATION', { what: 'unencrypted bytes after SSLRequest' }));
      return false;
    }
    this.#socket.write(accepted);
    this.#encrypt(tls, null);
    return false;
  }

  #encrypt(tls: ServerTls, hello: Buffer | null): void {
    const plain = this.#socket;
    this.#phase = Phase.Tls;
    this.#silence();
    plain.pause();
    plain.on('error', ignore);
    if (hello !== null) plain.unshift(hello);
    const secure = new TLSSocket(plain, {
      isServer: true,
      secureContext: tls.context,
      ALPNProtocols: ['postgresql'],
      requestCert: tls.clientCertificate !== 'none',
      rejectUnauthorized: false,
    });
    this.#tls = secure;
    this.#socket = secure;
    secure.once('secure', () => {
      if (this.#phase !== Phase.Tls) return;
      this.#phase = Phase.Startup;
      if (this.#directTls && secure.alpnProtocol !== 'postgresql') this.#hangUp();
      else if (tls.clientCertificate !== 'none' && !secure.authorized)
        this.#refuse(new ProxyError('CLIENT_CERTIFICATE', { why: String(secure.authorizationError) }));
    });
    this.#listen();
  }

  #onCancel(packet: Buffer): boolean {
    this.#phase = Phase.Over;
    this.#silence();
    this.#socket.on('error', ignore);
    // The answer to a cancel request is that the connection is closed, whether the key was right or not.
    this.#socket.end();
    this.#socket.resume();
    if (packet.length >= 16) this.#handlers.cancel(packet.readUInt32BE(8), packet.subarray(12));
    else this.#handlers.failed(null);
    return false;
  }

  #onStartup(packet: Buffer): boolean {
    const startup = parseStartup(packet);
    const major = packet.readUInt16BE(4);
    const minor = packet.readUInt16BE(6);
    if (major !== 3)
      return this.#refuse(new ProxyError('PROTOCOL_VERSION', { version: `${major}.${minor}` }));
    if (startup === null)
      return this.#refuse(
        new ProxyError('PROTOCOL_VIOLATION', { what: 'the layout of the startup packet is broken' }),
      );
    const given = new Map(startup.parameters);
    const user = given.get('user') ?? '';
    if (user === '') return this.#refuse(new ProxyError('NO_USER_NAME'));
    const database = given.get('database') ?? '';
    const unknown = [...given.keys()].filter((name) => name.startsWith('_pq_.'));
    if (minor > newestMinor || unknown.length > 0)
      this.#socket.write(buildNegotiateProtocolVersion(Math.min(minor, newestMinor), unknown));
    if (this.#options.requireTls && this.#tls === null) return this.#refuse(new ProxyError('TLS_REQUIRED'));
    const options = parseOptions(given.get('options') ?? '');
    if (options.rest.length > 0)
      return this.#refuse(new ProxyError('STARTUP_OPTION', { option: options.rest[0] ?? '' }));
    this.#credential = this.#options.credentials.client(user);
    this.#login = {
      user,
      database: database === '' ? user : database,
      databaseUser: this.#credential?.databaseUser ?? user,
      parameters: [...options.parameters, ...startup.parameters],
      replication: replicationMode(given.get('replication')),
      longCancelKey: Math.min(minor, newestMinor) >= 2,
    };
    if (this.#tls !== null && this.#options.tls?.clientCertificate === 'verify-full') {
      const name: unknown = this.#tls.getPeerCertificate().subject.CN;
      if (name !== user)
        return this.#refuse(
          new ProxyError('CLIENT_CERTIFICATE', { why: `it names "${String(name)}", not "${user}"` }),
        );
    }
    this.#askPassword(user);
    return true;
  }

  #askPassword(user: string): void {
    const credential = this.#credential;
    if (credential !== undefined && credential.scram === null) {
      this.#md5Salt = randomBytes(4);
      this.#phase = Phase.Md5;
      this.#socket.write(buildAuthenticationMd5(this.#md5Salt));
      return;
    }
    // A user who does not exist is asked just the same, and then refused in the same words.
    const verifier = credential?.scram ?? mockVerifier(user, this.#options.mockSecret);
    const binding = this.#tls === null ? null : (this.#options.tls?.binding ?? null);
    this.#scram = new ScramServer(
      verifier,
      binding === null ? noBinding : { header: '', data: binding },
    );
    this.#phase = Phase.SaslInitial;
    this.#socket.write(binding === null ? saslPlain : saslPlus);
  }

  /** Takes one PasswordMessage. False when it has not all come, or the handshake is over. */
  #readToken(): boolean {
    const received = this.#received;
    if (received === null || received.length < 5) return false;
    const length = received.readUInt32BE(1);
    if (received[0] === FrontendCode.Terminate) {
      this.#onGone();
      return false;
    }
    if (received[0] !== FrontendCode.Password || length < 4 || length > longestToken) {
      return this.#refuse(
        new ProxyError('PROTOCOL_VIOLATION', { what: 'expected the answer to the authentication request' }),
      );
    }
    if (received.length < 1 + length) return false;
    const token = received.subarray(5, 1 + length);
    this.#received = received.length > 1 + length ? received.subarray(1 + length) : null;
    if (this.#phase === Phase.SaslInitial) return this.#onSaslInitial(token);
    if (this.#phase === Phase.SaslFinal) {
      const answer = this.#scram?.final(token.toString('utf8')) ?? null;
      if (answer === null || this.#credential === undefined) return this.#wrongPassword();
      this.#admit(buildSaslFinal(answer));
      return false;
    }
    const expected = md5Response(this.#credential?.md5 ?? '', this.#md5Salt ?? Buffer.alloc(4));
    if (token.toString('utf8', 0, token.length - 1) !== expected) return this.#wrongPassword();
    this.#admit(null);
    return false;
  }

  #onSaslInitial(token: Buffer): boolean {
    const nameEnd = token.indexOf(0);
    const mechanism = token.toString('utf8', 0, Math.max(nameEnd, 0));
    const plus = mechanism === 'SCRAM-SHA-256-PLUS';
    const first = token.length >= nameEnd + 5 ? token.toString('utf8', nameEnd + 5) : '';
    const answer =
      plus || mechanism === 'SCRAM-SHA-256' ? (this.#scram?.first(first, plus) ?? null) : null;
    if (answer === null)
      return this.#refuse(new ProxyError('PROTOCOL_VIOLATION', { what: 'a malformed SCRAM message' }));
    this.#phase = Phase.SaslFinal;
    this.#socket.write(buildSaslContinue(answer));
    return true;
  }

  #admit(lastWords: Buffer | null): void {
    const login = this.#login;
    if (login === null) return;
    this.#phase = Phase.Over;
    this.#silence();
    this.#socket.pause();
    if (lastWords !== null) this.#socket.write(lastWords);
    this.#handlers.loggedIn({
      ...login,
      socket: this.#socket,
      tls: this.#tls !== null,
      rest: this.#received,
    });
  }

  #wrongPassword(): false {
    return this.#refuse(new ProxyError('WRONG_PASSWORD', { user: this.#login?.user ?? '' }));
  }

  /** Always false, for `return this.#refuse(…)`. */
  #refuse(error: ProxyError): false {
    this.#phase = Phase.Over;
    this.#silence();
    this.#socket.on('error', ignore);
    this.#socket.setTimeout(5000, () => this.#socket.destroy());
    this.#socket.end(buildErrorResponse({ ...error.fields, severity: 'FATAL' }));
    this.#socket.resume();
    this.#handlers.failed(error);
    return false;
  }

  #hangUp(): void {
    this.#socket.destroy();
    this.#onGone();
  }
}

const saslPlain = buildAuthenticationSasl(['SCRAM-SHA-256']);
const saslPlus = buildAuthenticationSasl(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']);

/** `true`, `on`, `yes`, `1` ask for physical replication, `database` for logical (manual, "Streaming Replication"). */
function replicationMode(value: string | undefined): string | null {
  return value === undefined || /^(false|off|no|0)$/i.test(value) ? null : value;
}
