import {
  bodyAt,
  buildErrorResponse,
  buildNegotiateProtocolVersion,
  clientHelloNeeds,
  encryptionAccepted,
  encryptionDeclined,
  FrontendCode,
  headerLength,
  lengthAt,
  longestStartup,
  packetCode,
  packetLength,
  readCancelRequest,
  shortestLength,
  shortestPacket,
  StartupCode,
  tlsHandshakeRecord,
  wholeMessageEnd,
} from '@sluice/wire';
import { distinct } from '../distinct.ts';
import type { Distinct } from '../distinct.ts';
import type { AuthMethod, AuthRule } from '../authentication/auth-rule.ts';
import { mayBe } from '../authentication/name-map.ts';
import type { Credential } from '../credentials/credentials.ts';
import { ProxyError } from '../errors.ts';
import { caught } from '../io/guard.ts';
import { closeTimeout, closeWithin } from '../io/close-within.ts';
import { ignoring, QuietHandler } from '../io/quiet-handler.ts';
import { alpnProtocol } from '../io/tls.ts';
import type { Transport } from '../io/transport.ts';
import { tlsDoorway } from './doorway.ts';
import type { HandshakeOptions } from './handshake-options.ts';
import { isPasswordMethod, isTokenMethod, startExchange } from './start-exchange.ts';
import type { ExchangeStep, PasswordExchange } from './password-exchange.ts';
import { ScramExchange } from './scram-exchange.ts';
import type { ServerTls } from './server-tls.ts';
import { limitsExceeded } from '../session/session-limits.ts';
import { readStartupRequest } from './startup-request.ts';
import type { StartupRequest } from './startup-request.ts';

export type { HandshakeOptions } from './handshake-options.ts';

/** The result of a successful login. */
export interface ClientLogin extends Pick<
  StartupRequest,
  'user' | 'database' | 'parameters' | 'replication'
> {
  /** The client's socket, encrypted if the client requested TLS. It is paused and has no handler. */
  readonly socket: Transport;
  readonly tls: boolean;
  /** The user as whom the proxy logs in to the database for this client. */
  readonly databaseUser: string;
  /** Protocol 3.2: the client supports cancel keys of more than four bytes. */
  readonly longCancelKey: boolean;
  /** The bytes that the client sent before it was admitted. */
  readonly rest: Buffer | null;
  /** The last message of the password exchange, to be sent in one write with the next message to the client. */
  readonly finalMessage: Buffer | null;
}

/** The details of a refusal for the log, which the client does not get. */
export interface LoginFailure {
  readonly user: string;
  readonly database: string;
  readonly address: string | undefined;
  readonly method: string;
  /** The reason, which the client does not get. */
  readonly why?: string;
}

/** The results of a handshake: exactly one of `loggedIn`, `cancel` and `failed` is called, once. */
export interface HandshakeHandlers {
  /** The client is authenticated. AuthenticationOk has not been sent yet. */
  loggedIn(login: ClientLogin): void;
  cancel(processId: number, secret: Buffer): void;
  /** Why clients are currently refused, or null; checked before the password. */
  full?(): ProxyError | null;
  /** The client was refused with this error, or disconnected (null); `detail` is only for the log. */
  failed(error: ProxyError | null, detail?: LoginFailure): void;
}

/** The maximum length of a password or SASL message: those of MD5 and SCRAM are far shorter. */
const longestPassword = 2000;
/** Tokens are longer: those of AWS contain a session token, those of OIDC claims and a signature. */
const longestToken = 16_000;

/** The message that the client is expected to send next. */
const Phase = distinct<'Phase'>()({
  Startup: 0,
  Hello: 1,
  Tls: 2,
  Password: 3,
  Wait: 4,
  Over: 5,
});
type Phase = Distinct<'Phase'>;

/**
 * The beginning of a client connection until the client is authenticated: encryption, protocol version, startup packet,
 * password. The object is not kept afterwards.
 */
export class ClientHandshake extends QuietHandler {
  readonly #options: HandshakeOptions;
  readonly #handlers: HandshakeHandlers;
  readonly #socket: Transport;
  #phase: number = Phase.Startup;
  #received: Buffer | null = null;
  /** The length of the received bytes at which the ClientHello may be complete. */
  #helloNeeds = 0;
  #bytes = 0;
  /** The requests that the client has already sent: each is accepted once. */
  #requestedTls = false;
  #requestedGss = false;
  #request: StartupRequest | null = null;
  #databaseUser = '';
  #method: AuthMethod = 'md5';
  /** `[local]` for a Unix socket, as in the log of PostgreSQL. */
  readonly #address: string | undefined;
  readonly #isLocal: boolean;
  readonly #tls: ServerTls | null;
  #waiting: NodeJS.Timeout | undefined;
  /** The channel binding data for SCRAM, from the certificate that the client was shown. */
  #endPoint: Buffer | null = null;
  #exchange: PasswordExchange | null = null;

  /** `isLocal`: the client uses a Unix socket. It needs no TLS, because the bytes do not leave the kernel. */
  constructor(
    socket: Transport,
    isLocal: boolean,
    options: HandshakeOptions,
    handlers: HandshakeHandlers,
  ) {
    super();
    this.#socket = socket;
    this.#isLocal = isLocal;
    this.#address = isLocal ? '[local]' : socket.remoteAddress;
    this.#tls = isLocal ? null : options.tls;
    this.#options = options;
    this.#handlers = handlers;
    socket.handler = this;
  }

  /** Ends the handshake; the client gets the error if it can receive one. */
  abort(error: ProxyError): void {
    if (this.#phase === Phase.Over) return;
    // The client would not understand the error.
    if (this.#phase === Phase.Tls || this.#phase === Phase.Hello) this.#hangUp();
    else this.#refuse(error);
  }

  override onError(error: Error): void {
    if (this.#phase === Phase.Over) return;
    const { clientCertificate = 'none' } = this.#tls ?? {};
    const isForged = this.#socket.tls?.isAuthorized === false && clientCertificate !== 'none';
    if (isForged && this.#request === null) this.#refuseBroken(error.message);
    else this.#hangUp();
  }

  override onEnd(): void {
    this.#onGone();
  }

  override onClose(): void {
    this.#onGone();
  }

  #onGone(): void {
    if (this.#phase !== Phase.Over) this.#hangUp();
  }

  /** OpenSSL sometimes aborts TLS if the signature of a client certificate is wrong; then only the log shows why. */
  #refuseBroken(why: string): void {
    this.#release();
    this.#socket.destroy();
    const detail = { user: '', database: '', address: this.#address, method: 'cert', why };
    this.#handlers.failed(new ProxyError('CLIENT_CERTIFICATE'), detail);
  }

  override onData(chunk: Buffer): void {
    this.#onBytes(chunk);
  }

  override broken(error: unknown): void {
    caught('a login of a client', error);
    if (this.#phase !== Phase.Over) this.#hangUp();
    else this.#socket.destroy();
  }

  #onBytes(chunk: Buffer): void {
    this.#bytes += chunk.length;
    this.#received = this.#received === null ? chunk : Buffer.concat([this.#received, chunk]);
    let more = true;
    while (more && this.#received !== null) {
      const received: Buffer = this.#received;
      if (this.#phase === Phase.Startup) more = this.#readPacket(received);
      else if (this.#phase === Phase.Hello) more = this.#readHello(received, false);
      else more = this.#phase === Phase.Password && this.#readToken(received);
    }
    const { mostBytes } = this.#options;
    const most = isTokenMethod(this.#method) ? mostBytes + longestToken : mostBytes;
    if (this.#bytes > most && this.#phase !== Phase.Over) {
      limitsExceeded.MaxBytesBeforeLogin++;
      const what = `more than ${most} bytes before the login`;
      this.abort(new ProxyError('PROTOCOL_VIOLATION', { what }));
    }
  }

  /** Removes `length` bytes from the received ones. */
  #take(received: Buffer, length: number): Buffer {
    this.#received = received.length > length ? received.subarray(length) : null;
    return received.subarray(0, length);
  }

  /** Processes one packet of the startup phase. False if it is incomplete, or if the handshake continues elsewhere. */
  #readPacket(received: Buffer): boolean {
    if (received[0] === tlsHandshakeRecord && this.#socket.tls === null) {
      return this.#readHello(received, true);
    }
    const length = packetLength(received);
    if (received.length < 4) return false;
    // Like PostgreSQL, the proxy does not respond to a client that does not speak the protocol.
    if (length < shortestPacket || length > 4 + longestStartup) return this.#hangUp();
    if (received.length < length) return false;
    const packet = this.#take(received, length);
    const code = packetCode(packet);
    if (code === StartupCode.CancelRequest) return this.#onCancel(packet);
    // PostgreSQL interprets a second request as a protocol version.
    if (code === StartupCode.SslRequest && !this.#requestedTls) return this.#onSslRequest();
    if (code === StartupCode.GssEncRequest && !this.#requestedGss) {
      this.#requestedGss = true;
      this.#socket.write(encryptionDeclined);
      return true;
    }
    return this.#onStartup(packet);
  }

  #onSslRequest(): boolean {
    this.#requestedTls = true;
    // These bytes were not encrypted, so anybody can have sent them (CVE-2021-23222).
    if (this.#received !== null) return this.#refuse(new ProxyError('UNENCRYPTED_DATA'));
    const tls = this.#tls;
    if (tls === null) {
      this.#socket.write(encryptionDeclined);
      return true;
    }
    this.#socket.write(encryptionAccepted);
    this.#phase = Phase.Hello;
    return false;
  }

  /**
   * The beginning of a TLS handshake. `direct`: without SSLRequest before it (sslnegotiation=direct of PostgreSQL 17).
   * The handshake begins when the ClientHello is complete and its turn has come.
   */
  #readHello(received: Buffer, direct: boolean): boolean {
    const tls = this.#tls;
    if (tls === null) return this.#hangUp();
    // Not at each chunk again: a client may send single bytes.
    if (received.length < this.#helloNeeds) return false;
    this.#helloNeeds = clientHelloNeeds(received);
    if (this.#helloNeeds > 0) return false;
    if (received.length <= this.#options.mostBytes) this.#bytes = 0;
    this.#received = null;
    this.#phase = Phase.Tls;
    this.#socket.pause();
    this.#socket.unread(received);
    tlsDoorway.enter({
      resume: () => {
        if (this.#phase === Phase.Tls) this.#encrypt(tls, direct);
      },
    });
    return false;
  }

  #encrypt(tls: ServerTls, direct: boolean): void {
    this.#requestedTls = this.#requestedGss = true;
    const socket = this.#socket;
    tls.encrypt(socket, (error) => {
      if (this.#phase !== Phase.Tls) return;
      if (error !== null) {
        this.#hangUp();
        return;
      }
      this.#endPoint = tls.endPointOf(socket);
      this.#phase = Phase.Startup;
      // Without ALPN, it may be a client of another protocol that was redirected here (manual, "SSL Session
      // Encryption").
      if (direct && socket.tls?.alpn !== alpnProtocol) this.#hangUp();
      else if (tls.clientCertificate.startsWith('verify-') && socket.tls?.isAuthorized !== true)
        this.#refuseCertificate(String(socket.tls?.authorizationError));
      else socket.resume();
    });
  }

  #onCancel(packet: Buffer): boolean {
    this.#release();
    // The response to a cancel request is to close the connection, whether the key is valid or not.
    this.#close(null);
    const request = readCancelRequest(packet);
    if (request === null) this.#handlers.failed(null);
    else this.#handlers.cancel(request.processId, request.secret);
    return false;
  }

  #onStartup(packet: Buffer): boolean {
    const { requireTls, rules } = this.#options;
    const isTls = this.#socket.tls !== null;
    const isLocal = this.#isLocal;
    let request: StartupRequest;
    try {
      request = readStartupRequest(packet);
    } catch (error) {
      if (error instanceof ProxyError) return this.#refuse(error);
      throw error;
    }
    this.#request = request;
    const full = this.#handlers.full?.() ?? null;
    if (full !== null) return this.#refuse(full);
    const { user, database, replication } = request;
    if (requireTls && !isTls && !isLocal) return this.#refuse(new ProxyError('TLS_REQUIRED'));
    if (this.#tls?.clientCertificate === 'verify-full') {
      const why = this.#certificateProblem(user);
      if (why !== null) return this.#refuseCertificate(why);
    }
    const address = isLocal ? undefined : this.#address;
    const rule = rules.find({ address, isLocal, isTls, user, database, replication });
    if (rules.any && (rule === undefined || rule.method === 'reject')) {
      const encryption = isTls ? 'SSL encryption' : 'no encryption';
      const why =
        rule === undefined ? 'no rule matches' : `${rule.where}: ${rule.unsupported ?? 'reject'}`;
      return this.#refuse(
        new ProxyError('NO_RULE', { address: this.#address ?? '', user, database, encryption }),
        why,
      );
    }
    const { ClientCert, Map: map } = rule?.options ?? {};
    if (ClientCert !== undefined && ClientCert !== 'no') {
      const why = this.#certificateProblem(ClientCert === 'verify-full' ? user : null, map);
      if (why !== null) return this.#refuseCertificate(why);
    }
    // Methods without a password need no verifier, so they work while AuthQuery cannot run.
    const known =
      rule === undefined || isPasswordMethod(rule.method)
        ? this.#options.lookUp(user)
        : this.#options.known(user);
    if (!(known instanceof Promise)) return this.#begin(request, rule, known);
    this.#whenDone(known, (credential) => this.#begin(request, rule, credential));
    return false;
  }

  /** Waits for the promise, then continues with its value and with what the client has sent in the meantime. */
  #whenDone<Value>(promise: Promise<Value>, next: (value: Value) => boolean): void {
    this.#phase = Phase.Wait;
    promise
      .then((value) => {
        if (this.#phase !== Phase.Wait) return;
        if (next(value) && this.#received !== null) this.#onBytes(Buffer.alloc(0));
      })
      .catch((error: unknown) => {
        if (error instanceof ProxyError && this.#phase === Phase.Wait) {
          this.#refuse(error, typeof error.cause === 'string' ? error.cause : '');
          return;
        }
        caught('a login of a client', error);
        if (this.#phase !== Phase.Over) this.#hangUp();
      });
  }

  /** Sends the authentication request, or admits a client that needs none. */
  #begin(
    request: StartupRequest,
    rule: AuthRule | undefined,
    credential: Credential | undefined,
  ): boolean {
    const { user, negotiate } = request;
    const isTls = this.#socket.tls !== null;
    if (credential === undefined && this.#options.unread())
      return this.#refuse(new ProxyError('SECRETS_UNREAD'));
    let method: AuthMethod = rule?.method ?? 'md5';
    const { iamAuth = 'DISABLED' } = credential ?? {};
    const takesToken = isPasswordMethod(method) && iamAuth === 'ENABLED';
    if (isPasswordMethod(method) && iamAuth !== 'DISABLED')
      method = iamAuth === 'REQUIRED' ? 'iam' : 'password';
    this.#method = takesToken ? 'iam' : method;
    this.#databaseUser = credential?.databaseUser ?? user;
    const preamble =
      negotiate === null
        ? null
        : buildNegotiateProtocolVersion(negotiate.version, negotiate.unknown);
    if (method === 'trust') return this.#admit(request, preamble);
    if (method === 'cert') {
      const why = this.#certificateProblem(user, rule?.options.Map);
      return why === null ? this.#admit(request, preamble) : this.#refuseCertificate(why);
    }
    if (!isTls && !this.#isLocal && (method === 'password' || isTokenMethod(method)))
      return this.#refuse(new ProxyError('TLS_REQUIRED'));
    const exchange = startExchange({
      request,
      method,
      takesToken,
      rule,
      credential,
      endPoint: isTls ? this.#endPoint : null,
      options: this.#options,
      isWanted: () => this.#phase !== Phase.Over,
    });
    this.#exchange = exchange;
    this.#phase = Phase.Password;
    this.#socket.write(
      preamble === null ? exchange.request : Buffer.concat([preamble, exchange.request]),
    );
    return true;
  }

  /** Why the client certificate is not one of `user` (null: of any user), or null if it is. */
  #certificateProblem(user: string | null, map?: string): string | null {
    const { tls } = this.#socket;
    if (tls === null) return 'the client does not use TLS';
    if (!tls.isAuthorized) return tls.authorizationError ?? 'the client presented none';
    if (user === null) return null;
    const name = tls.certificate?.commonName;
    return name !== undefined && mayBe(name, user, map, this.#options.rules.nameMaps)
      ? null
      : `it names "${String(name)}", not "${user}"`;
  }

  /** Processes one message of the password exchange. False if it is incomplete, or if the handshake is over. */
  #readToken(received: Buffer): boolean {
    if (received.length < headerLength) return false;
    const length = lengthAt(received, 0);
    const longest = isTokenMethod(this.#method) ? longestToken : longestPassword;
    if (received[0] === FrontendCode.Terminate) return this.#hangUp();
    if (received[0] !== FrontendCode.Password || length < shortestLength || length > longest) {
      const what = `expected a password message, got 0x${received.toString('hex', 0, 1)}`;
      return this.#refuse(new ProxyError('PROTOCOL_VIOLATION', { what }));
    }
    const end = wholeMessageEnd(received, 0);
    if (end < 0) return false;
    const token = this.#take(received, end).subarray(bodyAt(0));
    const exchange = this.#exchange;
    const request = this.#request;
    if (exchange === null || request === null) return this.#hangUp();
    const step = exchange.answer(token);
    if (!(step instanceof Promise)) return this.#onStep(request, exchange, step, false);
    this.#whenDone(step, (done) => this.#onStep(request, exchange, done, false));
    return false;
  }

  /** `isLast`: the credential was just reread, so a refusal is final. */
  #onStep(
    request: StartupRequest,
    exchange: PasswordExchange,
    { outcome, reply, why = '' }: ExchangeStep,
    isLast: boolean,
  ): boolean {
    const { user } = request;
    switch (outcome) {
      case 'admitted':
        this.#options.delay.succeeded(this.#address ?? '', user);
        if (exchange instanceof ScramExchange) this.#learn(user, exchange);
        return this.#admit(request, reply);
      case 'wrong password':
        if (!isLast && exchange.isRetried) {
          this.#whenDone(this.#again(user, exchange), (step) =>
            this.#onStep(request, exchange, step, true),
          );
          return false;
        }
        this.#refuseLater(request, why);
        return false;
      case 'unchecked':
        return this.#refuse(new ProxyError('LOGIN_UNCHECKED', { user }), why);
      case 'malformed':
        return this.#refuse(
          new ProxyError('PROTOCOL_VIOLATION', { what: 'a malformed authentication message' }),
        );
      default:
        this.#phase = Phase.Password;
        if (reply !== null) this.#socket.write(reply);
        return true;
    }
  }

  /** The proxy may not have read a new password yet: it rereads the credential, and checks again. */
  async #again(user: string, exchange: PasswordExchange): Promise<ExchangeStep> {
    const credential = await this.#options.again(user);
    if (credential !== undefined) this.#databaseUser = credential.databaseUser;
    return exchange.retry(credential);
  }

  #learn(user: string, { fits, clientKey }: ScramExchange): void {
    if (fits !== null && clientKey !== null && this.#databaseUser === user)
      this.#options.learned(user, { verifier: fits, clientKey });
  }

  /** Delays the refusal, longer after each further failure from the same address. */
  #refuseLater({ user }: StartupRequest, why: string): void {
    const { delay, leastDelay } = this.#options;
    const error = isTokenMethod(this.#method)
      ? new ProxyError('TOKEN_REFUSED', { method: this.#method, user })
      : new ProxyError('WRONG_PASSWORD', { user });
    const milliseconds = Math.max(leastDelay, delay.failed(this.#address ?? '', user));
    if (milliseconds === 0) {
      this.#refuse(error, why);
      return;
    }
    this.#phase = Phase.Wait;
    this.#waiting = setTimeout(() => {
      if (this.#phase === Phase.Wait) this.#refuse(error, why);
    }, milliseconds);
  }

  #refuseCertificate(why: string): false {
    return this.#refuse(new ProxyError('CLIENT_CERTIFICATE'), why);
  }

  #admit(request: StartupRequest, finalMessage: Buffer | null): false {
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
      tls: socket.tls !== null,
      rest,
      finalMessage,
    });
    return false;
  }

  /** Sends the error to the client. Always false, for `return this.#refuse(…)`. `why` is for the log. */
  #refuse(error: ProxyError, why = ''): false {
    this.#release();
    this.#close(buildErrorResponse({ ...error.fields, severity: 'FATAL' }));
    // A client certificate can be refused before the startup packet has arrived.
    const { user = '', database = '' } = this.#request ?? {};
    const detail = { user, database, address: this.#address, method: this.#method };
    this.#handlers.failed(error, why === '' ? detail : { ...detail, why });
    return false;
  }

  /** Always false, for `return this.#hangUp()`. */
  #hangUp(): false {
    this.#release();
    this.#socket.destroy();
    this.#handlers.failed(null);
    return false;
  }

  #release(): void {
    this.#phase = Phase.Over;
    clearTimeout(this.#waiting);
    this.#received = null;
    this.#socket.handler = ignoring;
  }

  /** Ends the connection gracefully: an immediate close would reset it, and the client might not read the error. */
  #close(finalMessage: Buffer | null): void {
    const socket = this.#socket;
    if (finalMessage === null) socket.end();
    else socket.end(finalMessage);
    closeWithin(socket, closeTimeout);
  }
}
