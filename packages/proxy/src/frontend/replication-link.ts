import {
  authenticationOk,
  buildBackendKeyData,
  buildParameterStatus,
  readyForQueryIdle,
} from '@sluice/wire';
import type { SendCancel } from '../backend/cancel-queue.ts';
import type { LoginResult } from '../backend/login-result.ts';
import { closeTimeout, closeWithin } from '../io/close-within.ts';
import { QuietHandler } from '../io/quiet-handler.ts';
import type { Transport } from '../io/transport.ts';
import type { CancelKey } from '../session/cancel-keys.ts';
import { secretBytes } from '../session/cancel-keys.ts';

/** Forwards the bytes of one side to the other, with back-pressure. */
class Side extends QuietHandler {
  readonly #own: Transport;
  readonly #other: Transport;
  readonly #end: () => void;

  constructor(own: Transport, other: Transport, end: () => void) {
    super();
    this.#own = own;
    this.#other = other;
    this.#end = end;
  }

  override onData(bytes: Buffer): void {
    if (!this.#other.write(bytes)) this.#own.pause();
  }

  override onDrain(): void {
    this.#other.resume();
  }

  override onEnd(): void {
    this.#other.end();
  }

  override onError(): void {
    this.#end();
  }

  override onClose(): void {
    this.#end();
  }

  override broken(error: unknown): void {
    super.broken(error);
    this.#end();
  }
}

/**
 * A replication connection: a client and its own server connection, with bytes forwarded in both directions. The
 * replication protocol needs its connection permanently, so there is nothing to share.
 */
export class ReplicationLink {
  readonly id: number;
  readonly cancelKey: CancelKey;
  readonly #client: Transport;
  readonly #database: LoginResult;
  readonly #ended: (link: ReplicationLink) => void;
  #over = false;
  #isBeingCanceled = false;
  #cancelAgain = false;

  constructor(
    id: number,
    client: Transport,
    database: LoginResult,
    cancelKey: CancelKey,
    ended: (link: ReplicationLink) => void,
  ) {
    this.id = id;
    this.cancelKey = cancelKey;
    this.#client = client;
    this.#database = database;
    this.#ended = ended;
  }

  /** The key that cancels the running request at the database. */
  get databaseKey(): LoginResult {
    return this.#database;
  }

  /** Greets the client and connects the two sockets. */
  start(rest: Buffer | null): void {
    const { socket, parameters, notices } = this.#database;
    // The database has applied the client_min_messages of the client.
    const { beforeParameters, afterKey } = notices.forClient(undefined);
    this.#client.write(
      Buffer.concat([
        authenticationOk,
        ...beforeParameters,
        ...[...parameters].map(([name, value]) => buildParameterStatus(name, value)),
        buildBackendKeyData(this.cancelKey.processId, secretBytes(this.cancelKey)),
        ...afterKey,
        readyForQueryIdle,
      ]),
    );
    const end = (): void => this.end();
    this.#client.handler = new Side(this.#client, socket, end);
    socket.handler = new Side(socket, this.#client, end);
    if (rest !== null) socket.write(rest);
    this.#client.resume();
    socket.resume();
  }

  /** Cancels the running statement. One cancel at a time; all that arrive in the meantime count as one more. */
  cancel(send: SendCancel): void {
    this.#cancelAgain = this.#isBeingCanceled;
    if (this.#isBeingCanceled) return;
    this.#isBeingCanceled = true;
    send(this.#database, () => {
      this.#isBeingCanceled = false;
      if (this.#cancelAgain && !this.#over) this.cancel(send);
    });
  }

  /** Closes both sides after pending data has been written. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const socket of [this.#client, this.#database.socket]) {
      socket.endAndClose();
      closeWithin(socket, closeTimeout);
    }
    this.#ended(this);
  }
}
