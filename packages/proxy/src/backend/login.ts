import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import {
  BackendCode,
  StartupCode,
  buildPassword,
  buildStartup,
  md5Response,
  md5Verifier,
  parseErrorFields,
} from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { ConnectFailure } from '../pool/pool-target.ts';
import type { LoginResult } from './login-result.ts';
import type { Address } from './dial.ts';
import { ScramLogin } from './scram-login.ts';
import { unacceptable, unreachable } from './unreachable.ts';

/** Where and whom to log in as. */
export interface LoginOptions {
  readonly address: Address;
  /** `user`, `database` and whatever else goes into the startup packet. */
  readonly startup: readonly (readonly [name: string, value: string])[];
  readonly user: string;
  /** Undefined when none is known: enough for a database that trusts us. */
  readonly password: string | undefined;
}

/** The Int32 that tells one Authentication message from another. */
const Authentication = {
  Ok: 0,
  Cleartext: 3,
  Md5: 5,
  Sasl: 10,
  SaslContinue: 11,
  SaslFinal: 12,
} as const;

/** A login message is short; the longest are error messages. */
const longestMessage = 1024 * 1024;

function ignore(): void {
  // The socket was given up.
}

/** One login, from the startup packet to ReadyForQuery. */
export class Login {
  readonly #socket: Socket;
  readonly #options: LoginOptions;
  readonly #done: (failure: ConnectFailure | null, login: LoginResult | null) => void;
  readonly #parameters = new Map<string, string>();
  #processId = 0;
  #secretKey: Buffer = Buffer.alloc(0);
  #received: Buffer = Buffer.alloc(0);
  #scram: ScramLogin | null = null;
  #authenticated = false;
  #over = false;

  /** `socket` is connected and has no listeners. `done` is called once, unless `abandon` is. */
  constructor(
    socket: Socket,
    options: LoginOptions,
    done: (failure: ConnectFailure | null, login: LoginResult | null) => void,
  ) {
    this.#socket = socket;
    this.#options = options;
    this.#done = done;
    socket.on('data', this.#onData);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.write(buildStartup(StartupCode.Protocol30, options.startup));
    socket.resume();
  }

  /** Gives up; `done` is not called. */
  abandon(): void {
    this.#release();
    this.#socket.on('error', ignore);
    this.#socket.destroy();
  }

  readonly #onError = (error: Error): void => {
    this.#fail(error.message);
  };

  readonly #onClose = (): void => {
    this.#fail('the database closed the connection during the login');
  };

  readonly #onData = (chunk: Buffer): void => {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (!this.#over && this.#received.length >= 5) {
      const buffer = this.#received;
      const next = 1 + buffer.readUInt32BE(1);
      if (next < 5 || next > longestMessage) {
        this.#fail('it does not speak the PostgreSQL protocol');
        return;
      }
      if (buffer.length < next) return;
      this.#received = buffer.subarray(next);
      this.#onMessage(buffer[0] ?? 0, buffer.subarray(5, next));
    }
  };

  #onMessage(code: number, body: Buffer): void {
    switch (code) {
      case BackendCode.Authentication:
        if (body.length < 4) this.#fail('its authentication request is too short');
        else this.#onAuthentication(body.readUInt32BE(0), body.subarray(4));
        return;
      case BackendCode.ErrorResponse:
        this.#refused(parseErrorFields(body));
        return;
      case BackendCode.NoticeResponse:
      case BackendCode.NegotiateProtocolVersion:
        return;
      case BackendCode.ParameterStatus: {
        const [name = '', value = ''] = body.toString('utf8').split('\0');
        this.#parameters.set(name, value);
        return;
      }
      case BackendCode.BackendKeyData:
        if (body.length < 8) {
          this.#fail('its cancel key is too short');
          return;
        }
        this.#processId = body.readUInt32BE(0);
        // A copy: the chunk it lies in would stay in memory for as long as the connection.
        this.#secretKey = Buffer.from(body.subarray(4));
        return;
      case BackendCode.ReadyForQuery:
        if (this.#authenticated) this.#finish();
        else this.#fail('it is ready for queries before the login');
        return;
      default:
        this.#fail(`unexpected message 0x${code.toString(16)} during the login`);
    }
  }

  #onAuthentication(kind: number, data: Buffer): void {
    const { user, password } = this.#options;
    if (kind === Authentication.Ok) {
      if (this.#scram === null || this.#scram.proven) this.#authenticated = true;
      else this.#fail('it did not prove that it knows the password');
      return;
    }
    if (password === undefined) {
      this.#reject(`it asks for a password, and none is known for user "${user}"`);
      return;
    }
    switch (kind) {
      case Authentication.Cleartext:
        if (this.#socket instanceof TLSSocket) this.#socket.write(buildPassword(password));
        else this.#reject('it asks for the password in clear text, which is only sent over TLS');
        return;
      case Authentication.Md5:
        this.#socket.write(buildPassword(md5Response(md5Verifier(user, password), data)));
        return;
      case Authentication.Sasl:
        this.#scram = new ScramLogin(this.#socket, password);
        this.#send(this.#scram.start(data.toString('utf8').split('\0')));
        return;
      case Authentication.SaslContinue:
        this.#scram?.answer(data.toString('utf8'), (reply) => {
          if (!this.#over) this.#send(reply);
        });
        return;
      case Authentication.SaslFinal:
        this.#scram?.verify(data.toString('utf8'));
        return;
      default:
        this.#reject(`it asks for authentication method ${kind}, which is not supported`);
    }
  }

  /** Sends what the exchange has to say, or ends the login when it cannot go on. */
  #send(reply: Buffer | Error): void {
    if (reply instanceof Error) this.#reject(reply.message);
    else this.#socket.write(reply);
  }

  #finish(): void {
    const socket = this.#socket;
    this.#release();
    socket.pause();
    if (this.#received.length > 0) socket.unshift(this.#received);
    this.#done(null, {
      socket,
      parameters: this.#parameters,
      processId: this.#processId,
      secretKey: this.#secretKey,
      tls: socket instanceof TLSSocket,
      address: this.#options.address,
    });
  }

  /** The database's own error: it reaches the client as it is. */
  #refused(fields: ErrorFields): void {
    // Too many connections, starting up, shutting down: the next attempt may succeed. The rest needs somebody.
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
    this.abandon();
    this.#done(failure, null);
  }

  #release(): void {
    this.#over = true;
    this.#socket.off('data', this.#onData);
    this.#socket.off('error', this.#onError);
    this.#socket.off('close', this.#onClose);
  }
}
