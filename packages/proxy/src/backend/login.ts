import {
  AuthenticationKind,
  BackendCode,
  bodyAt,
  buildPassword,
  buildStartup,
  headerLength,
  MalformedMessage,
  md5Response,
  md5Verifier,
  messageEnd,
  parseErrorFields,
  readAuthentication,
  readBackendKeyData,
  readParameterStatus,
  StartupCode,
  TransactionStatus,
} from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import { Appender } from '../io/appender.ts';
import { caught } from '../io/guard.ts';
import { ignoring, QuietHandler } from '../io/quiet-handler.ts';
import type { Transport } from '../io/transport.ts';
import type { ConnectFailure } from './connection-source.ts';
import { LoginNotices } from './login-notices.ts';
import type { LoginResult } from './login-result.ts';
import type { LoginKeys } from '../credentials/login-keys.ts';
import { isLocal } from './dial.ts';
import type { Address } from './dial.ts';
import { longestReported, serverLimits } from './limits.ts';
import { ScramLogin } from './scram-login.ts';
import { unacceptable, unreachable } from './unreachable.ts';

/** The address and the credentials of a login. */
export interface LoginOptions {
  readonly address: Address;
  /** `user`, `database` and the other parameters of the startup packet, as bytes, one character per byte. */
  readonly startup: readonly (readonly [name: string, value: string])[];
  readonly user: string;
  /** Undefined if unknown: sufficient for a database with trust authentication. */
  readonly password: string | undefined;
  /** Without a password: the SCRAM keys of a client. */
  readonly keys?: LoginKeys | undefined;
  /** Without a password: its MD5 hash. */
  readonly md5?: string | undefined;
}

/** Login messages are short; the longest are error messages. */
const longestMessage = 1024 * 1024;

/** One login, from the startup packet to ReadyForQuery. */
export class Login extends QuietHandler {
  readonly #socket: Transport;
  readonly #options: LoginOptions;
  readonly #done: (failure: ConnectFailure | null, login: LoginResult | null) => void;
  readonly #parameters = new Map<string, string>();
  readonly #notices = new LoginNotices();
  #processId = 0;
  #secretKey: Buffer = Buffer.alloc(0);
  #received: Buffer = Buffer.alloc(0);
  readonly #appender = new Appender();
  #scram: ScramLogin | null = null;
  #authenticated = false;
  #sentInClear = false;
  #over = false;

  /** `socket` is connected. `done` is called once, unless `giveUp` is. */
  constructor(
    socket: Transport,
    options: LoginOptions,
    done: (failure: ConnectFailure | null, login: LoginResult | null) => void,
  ) {
    super();
    this.#socket = socket;
    this.#options = options;
    this.#done = done;
    socket.handler = this;
    socket.write(buildStartup(StartupCode.Protocol30, options.startup));
    socket.resume();
  }

  /** Aborts; `done` is not called. */
  giveUp(): void {
    this.#release();
    this.#socket.destroy();
  }

  override onError(error: Error): void {
    this.#fail(error.message);
  }

  override onClose(): void {
    this.#fail('the database closed the connection during the login');
  }

  override onData(chunk: Buffer): void {
    this.#take(chunk);
  }

  override broken(error: unknown): void {
    if (!(error instanceof MalformedMessage)) caught('a login at the database', error);
    this.#fail(error instanceof MalformedMessage ? error.message : 'internal error in the proxy');
  }

  #take(chunk: Buffer): void {
    this.#received =
      this.#received.length === 0 ? chunk : this.#appender.append(this.#received, chunk);
    while (!this.#over && this.#received.length >= headerLength) {
      const buffer = this.#received;
      const next = messageEnd(buffer, 0);
      if (next < headerLength || next > longestMessage) {
        this.#fail('it does not speak the PostgreSQL protocol');
        return;
      }
      if (buffer.length < next) return;
      this.#received = buffer.subarray(next);
      this.#onMessage(buffer.subarray(0, next));
    }
  }

  #onMessage(message: Buffer): void {
    const code = message[0] ?? 0;
    const body = message.subarray(bodyAt(0));
    switch (code) {
      case BackendCode.Authentication: {
        const request = readAuthentication(body);
        if (request === null) this.#fail('its authentication request is too short');
        else this.#onAuthentication(request.kind, request.data);
        return;
      }
      case BackendCode.ErrorResponse:
        this.#refused(parseErrorFields(body));
        return;
      case BackendCode.NoticeResponse:
        if (this.#authenticated) this.#notices.add(message, this.#secretKey.length > 0);
        return;
      case BackendCode.NegotiateProtocolVersion:
        return;
      case BackendCode.ParameterStatus: {
        const [name, value] = readParameterStatus(body, 0, body.length);
        this.#parameters.set(name, value);
        if (this.#parameters.size > serverLimits.mostReported || body.length > longestReported)
          this.#fail('it reported more or longer parameters than PostgreSQL does');
        return;
      }
      case BackendCode.BackendKeyData: {
        const key = readBackendKeyData(body);
        if (key === null) {
          this.#fail('its cancel key is too short');
          return;
        }
        this.#processId = key.processId;
        this.#secretKey = key.secretKey;
        return;
      }
      case BackendCode.ReadyForQuery:
        if (!this.#authenticated) this.#fail('it sent ReadyForQuery before the login was complete');
        else if (body.length === 1 && body[0] === TransactionStatus.Idle) this.#finish();
        else this.#fail('its ReadyForQuery is malformed, or it is not idle');
        return;
      default:
        this.#fail(`unexpected message 0x${code.toString(16)} during the login`);
    }
  }

  #onAuthentication(kind: number, data: Buffer): void {
    const { user, password, keys, md5 } = this.#options;
    if (kind === AuthenticationKind.Ok) {
      if (this.#scram === null || this.#scram.proven) this.#authenticated = true;
      else this.#fail('it did not prove that it knows the password');
      return;
    }
    const fits =
      password !== undefined ||
      (kind === AuthenticationKind.Md5
        ? md5 !== undefined
        : keys !== undefined && kind >= AuthenticationKind.Sasl);
    if (!fits) {
      this.#reject(`it requires a password, and the proxy has none for user "${user}"`);
      return;
    }
    switch (kind) {
      case AuthenticationKind.Cleartext:
        if (password === undefined) return;
        this.#sentInClear = true;
        if (this.#isProtected) this.#socket.write(buildPassword(password));
        else this.#reject('it requires a cleartext password, which the proxy sends only over TLS');
        return;
      case AuthenticationKind.Md5:
        if (!this.#isProtected && !this.#options.address.md5WithoutTls)
          this.#reject(
            'it requires MD5 authentication, which the proxy uses without TLS only if TargetMd5WithoutTls is true',
          );
        else if (data.length !== 4) this.#fail('its MD5 salt is not 4 bytes long');
        else
          this.#socket.write(
            buildPassword(
              md5Response(password === undefined ? (md5 ?? '') : md5Verifier(user, password), data),
            ),
          );
        return;
      case AuthenticationKind.Sasl:
        this.#scram = new ScramLogin(this.#socket, password, keys);
        this.#send(this.#scram.start(data.toString('utf8').split('\0')));
        return;
      case AuthenticationKind.SaslContinue:
        this.#scram?.answer(data.toString('utf8'), (reply) => {
          if (!this.#over) this.#send(reply);
        });
        return;
      case AuthenticationKind.SaslFinal:
        this.#scram?.verify(data.toString('utf8'));
        return;
      default:
        this.#reject(`it requires authentication method ${kind}, which the proxy does not support`);
    }
  }

  /** Nobody else can read what is sent. */
  get #isProtected(): boolean {
    return this.#socket.tls !== null || isLocal(this.#options.address);
  }

  /** Sends the reply of the exchange, or ends the login on an error. */
  #send(reply: Buffer | Error): void {
    if (reply instanceof Error) this.#reject(reply.message);
    else this.#socket.write(reply);
  }

  #finish(): void {
    const socket = this.#socket;
    this.#notices.encoding = this.#parameters.get('client_encoding');
    this.#release();
    socket.pause();
    if (this.#received.length > 0) socket.unread(this.#received);
    this.#done(null, {
      socket,
      parameters: this.#parameters,
      notices: this.#notices,
      processId: this.#processId,
      secretKey: this.#secretKey,
      tls: socket.tls !== null,
      sentInClear: this.#sentInClear,
      address: this.#options.address,
    });
  }

  /** The error of the database: the client gets it unchanged. */
  #refused(fields: ErrorFields): void {
    // Too many connections, starting up, shutting down: a retry may succeed. Other errors need a change.
    const passing = fields.sqlstate.startsWith('53') || fields.sqlstate.startsWith('57');
    this.#end({ fields, final: !passing });
  }

  #fail(why: string): void {
    this.#end(unreachable(this.#options.address, why));
  }

  #reject(why: string): void {
    this.#end(unacceptable(this.#options.address, why));
  }

  #end(failure: ConnectFailure): void {
    if (this.#over) return;
    this.giveUp();
    this.#done(failure, null);
  }

  #release(): void {
    this.#over = true;
    this.#socket.handler = ignoring;
  }
}
