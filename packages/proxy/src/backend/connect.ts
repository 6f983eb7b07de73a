import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import {
  BackendCode,
  ScramClient,
  StartupCode,
  buildCancelRequest,
  buildPassword,
  buildSaslInitial,
  buildSaslResponse,
  buildStartup,
  md5Response,
  md5Verifier,
  noBinding,
  parseErrorFields,
} from '@sluice/wire';
import type { ChannelBinding, ErrorFields } from '@sluice/wire';
import { scramKeys } from '../credentials/scram-keys.ts';
import { endPointBinding } from '../credentials/channel-binding.ts';
import type { ConnectFailure } from '../pool/pool.ts';
import type { LoginResult } from './database-connection.ts';
import { dial } from './dial.ts';
import type { Address } from './dial.ts';

/** Whom to log in as. */
export interface LoginOptions {
  readonly address: Address;
  /** `user`, `database` and whatever else goes into the startup packet. */
  readonly startup: readonly (readonly [name: string, value: string])[];
  readonly user: string;
  /** Undefined when none is known: enough for a database that trusts us. */
  readonly password: string | undefined;
  /** For connecting, TLS and login together, in milliseconds. */
  readonly timeout: number;
}

/** A login message is short; the longest are error messages. */
const longestMessage = 1024 * 1024;

/** Opens a database connection: dials, logs in, and reads on to the first ReadyForQuery. `done` is called once. */
export function openDatabaseConnection(
  options: LoginOptions,
  done: (failure: ConnectFailure | null, login: LoginResult | null) => void,
): void {
  const { address, timeout } = options;
  let login: Login | null = null;
  let over = false;
  const finish = (failure: ConnectFailure | null, result: LoginResult | null): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    done(failure, result);
  };
  const giveUp = dial(address, (error, socket, tls) => {
    if (socket === null) finish(unreachable(address, error?.message ?? 'no socket'), null);
    else login = new Login(socket, tls, options, finish);
  });
  const timer = setTimeout(() => {
    giveUp();
    login?.abandon();
    finish(unreachable(address, `no answer within ConnectTimeout (${timeout / 1000} s)`), null);
  }, timeout);
}

/** Sends a cancel request; `done(true)` when the database has closed the connection, so the signal was given. */
export function sendCancelRequest(
  address: Address,
  processId: number,
  secret: Buffer,
  timeout: number,
  done: (delivered: boolean) => void,
): void {
  let over = false;
  const finish = (delivered: boolean): void => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    giveUp();
    done(delivered);
  };
  const giveUp = dial(address, (_error, socket) => {
    if (socket === null) {
      finish(false);
      return;
    }
    socket.on('error', () => finish(false));
    socket.on('close', () => finish(true));
    socket.on('end', () => socket.destroy());
    socket.resume();
    socket.write(buildCancelRequest(processId, secret));
  });
  const timer = setTimeout(() => finish(false), timeout);
}

function unreachable(address: Address, why: string): ConnectFailure {
  const message = `cannot connect to the database at ${address.host}:${address.port}: ${why}`;
  return { fields: { severity: 'ERROR', sqlstate: '08001', message }, final: false };
}

/** One login, from the startup packet to ReadyForQuery. */
class Login {
  readonly #socket: Socket;
  readonly #tls: boolean;
  readonly #options: LoginOptions;
  readonly #done: (failure: ConnectFailure | null, login: LoginResult | null) => void;
  readonly #parameters = new Map<string, string>();
  #processId = 0;
  #secretKey = Buffer.alloc(0);
  #received: Buffer = Buffer.alloc(0);
  #scram: ScramClient | null = null;
  #serverProven = false;

  constructor(
    socket: Socket,
    tls: boolean,
    options: LoginOptions,
    done: (failure: ConnectFailure | null, login: LoginResult | null) => void,
  ) {
    this.#socket = socket;
    this.#tls = tls;
    this.#options = options;
    this.#done = done;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error: Error) => this.#fail(error.message));
    socket.on('close', () => this.#fail('the database closed the connection during login'));
    socket.write(buildStartup(StartupCode.Protocol30, options.startup));
    socket.resume();
  }

  /** Gives up; `done` is not called. */
  abandon(): void {
    this.#release();
    this.#socket.on('error', () => undefined);
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 5) {
      const buffer = this.#received;
      const next = 1 + buffer.readUInt32BE(1);
      if (next < 5 || next > longestMessage) {
        this.#fail('it does not speak the PostgreSQL protocol');
        return;
      }
      if (buffer.length < next) return;
      this.#received = buffer.subarray(next);
      if (!this.#onMessage(buffer[0] ?? 0, buffer.subarray(5, next))) return;
    }
  }

  /** Returns false when the login is over. */
  #onMessage(code: number, body: Buffer): boolean {
    switch (code) {
      case BackendCode.Authentication:
        return this.#onAuthentication(body);
      case BackendCode.ParameterStatus: {
        const nameEnd = body.indexOf(0);
        this.#parameters.set(
          body.toString('utf8', 0, nameEnd),
          body.toString('utf8', nameEnd + 1, body.length - 1),
        );
        return true;
      }
      case BackendCode.BackendKeyData:
        this.#processId = body.readUInt32BE(0);
        this.#secretKey = Buffer.from(body.subarray(4));
        return true;
      case BackendCode.ErrorResponse:
        this.#refused(parseErrorFields(body));
        return false;
      case BackendCode.NoticeResponse:
      case BackendCode.NegotiateProtocolVersion:
        return true;
      case BackendCode.ReadyForQuery:
        this.#release();
        this.#socket.pause();
        if (this.#received.length > 0) this.#socket.unshift(this.#received);
        this.#done(null, {
          socket: this.#socket,
          parameters: this.#parameters,
          processId: this.#processId,
          secretKey: this.#secretKey,
          tls: this.#tls,
        });
        return false;
      default:
        this.#fail(`unexpected message 0x${code.toString(16)} during login`);
        return false;
    }
  }

  #onAuthentication(body: Buffer): boolean {
    const { user, password } = this.#options;
    const kind = body.readUInt32BE(0);
    if (kind === 0) {
      if (this.#scram === null || this.#serverProven) return true;
      return this.#fail('it did not prove that it knows the password');
    }
    if (password === undefined && kind !== 12)
      return this.#fail(`it asks for a password, and none is known for user "${user}"`, true);
    switch (kind) {
      case 3:
        if (!this.#tls)
          return this.#fail('it asks for the password in clear text, which is only sent over TLS', true);
        this.#socket.write(buildPassword(password ?? ''));
        return true;
      case 5:
        this.#socket.write(
          buildPassword(md5Response(md5Verifier(user, password ?? ''), body.subarray(4, 8))),
        );
        return true;
      case 10:
        return this.#startScram(body);
      case 11:
        return this.#continueScram(body.toString('utf8', 4), password ?? '');
      case 12:
        this.#serverProven = this.#scram?.verifyServerFinal(body.toString('utf8', 4)) ?? false;
        return this.#serverProven || this.#fail('it did not prove that it knows the password');
      default:
        return this.#fail(`it asks for authentication method ${kind}, which is not supported`, true);
    }
  }

  #startScram(body: Buffer): boolean {
    const mechanisms = body.toString('utf8', 4).split('\0');
    let mechanism = 'SCRAM-SHA-256';
    let binding: ChannelBinding = noBinding;
    if (this.#tls) {
      const certificate = (this.#socket as TLSSocket).getPeerCertificate().raw as Buffer | undefined;
      const data = certificate === undefined ? null : endPointBinding(certificate);
      if (data !== null && mechanisms.includes('SCRAM-SHA-256-PLUS')) {
        mechanism = 'SCRAM-SHA-256-PLUS';
        binding = { header: 'p=tls-server-end-point,,', data };
      } else if (data !== null) binding = { header: 'y,,', data: Buffer.alloc(0) };
    }
    if (!mechanisms.includes(mechanism))
      return this.#fail(`it offers only ${mechanisms.filter(Boolean).join(', ')}`, true);
    this.#scram = new ScramClient(binding);
    this.#socket.write(buildSaslInitial(mechanism, this.#scram.firstMessage));
    return true;
  }

  #continueScram(serverFirst: string, password: string): boolean {
    const scram = this.#scram;
    if (scram === null) return this.#fail('it continues a SCRAM exchange that was not begun');
    try {
      const { salt, iterations, nonce } = scram.readServerFirst(serverFirst);
      scramKeys(password, salt, iterations, (error, keys) => {
        if (keys === null) this.#fail(error?.message ?? 'no keys were derived');
        else this.#socket.write(buildSaslResponse(scram.finalMessage(serverFirst, nonce, keys)));
      });
    } catch (error) {
      return this.#fail(error instanceof Error ? error.message : String(error));
    }
    return true;
  }

  /** The database's own error: it reaches the client as it is. */
  #refused(fields: ErrorFields): void {
    this.#release();
    this.#socket.on('error', () => undefined);
    this.#socket.destroy();
    // Too many connections, starting up, shutting down: the next attempt may succeed. The rest needs somebody.
    const passing = fields.sqlstate.startsWith('53') || fields.sqlstate.startsWith('57');
    this.#done({ fields, final: !passing }, null);
  }

  /** Always false, for `return this.#fail(…)`. */
  #fail(why: string, final = false): false {
    this.#release();
    this.#socket.on('error', () => undefined);
    this.#socket.destroy();
    const failure = unreachable(this.#options.address, why);
    this.#done(
      final ? { fields: { ...failure.fields, sqlstate: '28000' }, final } : failure,
      null,
    );
    return false;
  }

  #release(): void {
    this.#socket.removeAllListeners();
  }
}
