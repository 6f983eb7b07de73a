import { buildCancelRequest } from '@sluice/wire';
import type { ConnectFailure } from './connection-source.ts';
import type { LoginResult } from './login-result.ts';
import { QuietHandler } from '../io/quiet-handler.ts';
import { dial } from './dial.ts';
import type { Address } from './dial.ts';
import { Login } from './login.ts';
import type { LoginOptions } from './login.ts';
import { unreachable } from './unreachable.ts';

/** Where and as whom to log in, and the timeout. */
export interface ConnectOptions extends LoginOptions {
  /** For connect, TLS and login together, in milliseconds. */
  readonly timeout: number;
}

/** Opens a server connection: connects, logs in, and reads up to the first ReadyForQuery. `done` is called once. */
export function openServerConnection(
  options: ConnectOptions,
  done: (failure: ConnectFailure | null, login: LoginResult | null) => void,
): void {
  const { address, timeout } = options;
  const finish = (failure: ConnectFailure | null, login: LoginResult | null): void => {
    clearTimeout(timer);
    done(failure, login);
  };
  let giveUp = dial(address, (error, socket) => {
    if (socket === null) {
      finish(unreachable(address, error?.message ?? 'there is no socket'), null);
      return;
    }
    const login = new Login(socket, options, finish);
    giveUp = () => login.giveUp();
  });
  const timer = setTimeout(() => {
    giveUp();
    finish(unreachable(address, `no answer within ConnectTimeout (${timeout / 1000} s)`), null);
  }, timeout);
}

/** Waits for PostgreSQL to close the connection of a cancel request. */
class CancelHandler extends QuietHandler {
  readonly #finish: (delivered: boolean) => void;

  constructor(finish: (delivered: boolean) => void) {
    super();
    this.#finish = finish;
  }

  override onEnd(): void {
    this.#finish(true);
  }

  override onError(): void {
    this.#finish(false);
  }

  override onClose(): void {
    this.#finish(true);
  }
}

/** Sends a cancel request; `done(true)` when the database has closed the connection, so the signal was sent. */
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
  let giveUp = dial(address, (_error, socket) => {
    if (socket === null) {
      finish(false);
      return;
    }
    giveUp = () => socket.destroy();
    socket.handler = new CancelHandler(finish);
    socket.resume();
    socket.write(buildCancelRequest(processId, secret));
  });
  const timer = setTimeout(() => finish(false), timeout);
}
