import type { ErrorFields } from '@sluice/wire';
import { conversionSql, convertedNotices } from '../backend/login-notices.ts';
import type { NoticesOfClient } from '../backend/login-notices.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { InternalLeaseOwner } from '../backend/internal-lease-owner.ts';
import type { ConnectionLoss } from '../backend/lease-owner.ts';
import { ProxyError } from '../errors.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import type { Pool } from '../pool/pool.ts';
import type { Borrower } from '../pool/pool-target.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import { decoded, dependsOnProcess, startValuesOf } from '../parameters/replay-sql.ts';

/** How many lost connections a login survives. */
const mostLosses = 3;

const noNotices: NoticesOfClient = { beforeParameters: [], afterKey: [] };

/**
 * Determines the ParameterStatus values for the startup parameters of a client: borrows a connection, sets them, and
 * stores what the database reports. The next client with the same parameters can log in without a server connection.
 */
export class Greeting extends InternalLeaseOwner implements Borrower {
  readonly parameters: ParameterSet;
  readonly waitingSince = performance.now();

  readonly #pool: Pool;
  readonly #done: (error: ErrorFields | null) => void;
  #over = false;
  #needsNew = false;
  #losses = 0;

  /** `done` is called once; without an error, `parameters.greeting` is set. */
  constructor(pool: Pool, parameters: ParameterSet, done: (error: ErrorFields | null) => void) {
    super();
    this.#pool = pool;
    this.parameters = parameters;
    this.#done = done;
  }

  get needsNew(): boolean {
    return this.#needsNew;
  }

  start(): void {
    const connection = this.#pool.borrow(this);
    if (connection !== null) this.granted(connection);
  }

  /** The client disconnected while it was waiting. */
  cancel(): void {
    this.#over = true;
    this.#pool.leave(this);
  }

  granted(connection: ServerConnection): void {
    connection.leaseTo(this);
    this.#pool.reset(connection, 0);
    // Also without a replay, because an idle connection may not have reported a reload of the configuration yet.
    const { parameterSet, reported } = connection.state;
    const { sql, names } = startValuesOf(parameterSet, this.parameters, (name) =>
      reported.has(name),
    );
    connection.run(
      sql,
      new InternalQuery((answer) => {
        if (answer.lost) return;
        if (answer.error !== null) {
          this.#refused(answer.error, connection);
          return;
        }
        const values = names.map((name, at): [string, string] => [
          name,
          decoded(answer.rows[0]?.[at + 1] ?? ''),
        ]);
        this.#convertNotices(connection, new Map(values), (notices) =>
          this.#learn(connection, values, notices),
        );
      }),
    );
  }

  borrowFailed(error: ErrorFields): void {
    this.#finish(error);
  }

  override connectionLost(loss: ConnectionLoss): void {
    // What ran there has no effect at the database, so another connection can do the same, unless it may have crashed
    // the server process.
    if (loss.silent || this.#losses === mostLosses) this.#finish(lostAtLogin(loss));
    else this.#startAgain();
    this.#losses++;
  }

  /**
   * The database refused these values on this connection, and changed nothing. On another connection it may accept
   * them, if the cause is the state of the server process.
   */
  #refused(error: ErrorFields, connection: ServerConnection): void {
    const isStateful = [...this.parameters.values.keys()].some(dependsOnProcess);
    if (this.#over || this.#needsNew || !connection.state.isUsed || !isStateful) {
      this.#finish(asAtLogin(error));
      return;
    }
    this.#needsNew = true;
    this.#startAgain();
  }

  /** Borrows another connection when this one is returned. */
  #startAgain(): void {
    queueMicrotask(() => {
      if (!this.#over) this.start();
    });
  }

  /**
   * The notices of a login with these values. PostgreSQL sends those after BackendKeyData in the client's encoding.
   */
  #convertNotices(
    connection: ServerConnection,
    values: ReadonlyMap<string, string>,
    done: (notices: NoticesOfClient) => void,
  ): void {
    const { loginNotices } = this.#pool;
    if (loginNotices === null) {
      done(noNotices);
      return;
    }
    const notices = loginNotices.forClient(values.get('client_min_messages'));
    const encoding = connection.state.reported.get('client_encoding');
    const sql = conversionSql(notices.afterKey, loginNotices.encoding, encoding);
    if (sql === null) {
      done(notices);
      return;
    }
    connection.run(
      sql,
      new InternalQuery((answer) => {
        // Without an answer, the encoding of the client does not have what they say.
        const afterKey = convertedNotices(answer.rows[0] ?? []);
        if (!answer.lost) done({ ...notices, afterKey });
      }),
    );
  }

  /** `values`: the requested values in PostgreSQL's notation. */
  #learn(
    connection: ServerConnection,
    values: readonly (readonly [string, string])[],
    notices: NoticesOfClient,
  ): void {
    if (connection.loginGeneration !== this.#pool.loginGeneration) {
      // New connections start with other values now.
      this.#startAgain();
      return;
    }
    const { parameterSets } = this.#pool;
    const canonical = parameterSets.acquire(values);
    connection.state.parametersSet(canonical);
    parameterSets.learn(this.parameters, canonical, {
      reported: new Map(connection.state.reported),
      ...notices,
    });
    parameterSets.release(canonical);
    this.#finish(null);
  }

  #finish(error: ErrorFields | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#done(error);
  }
}

/** The error of a loss, for a client that has no statement yet. */
function lostAtLogin({ error, reason }: ConnectionLoss): ErrorFields {
  return error.code === 'SERVER_CONNECTION_LOST'
    ? new ProxyError('LOGIN_CONNECTION_LOST', { reason }).fields
    : error.fields;
}

/**
 * At login, PostgreSQL reports as the error message what it reports for SET as the detail: that it has no conversion
 * for a client_encoding.
 */
function asAtLogin(error: ErrorFields): ErrorFields {
  const { sqlstate, detail } = error;
  const [, what] = /^Conversion (between .*)\.$/.exec(detail ?? '') ?? [];
  if (sqlstate !== '0A000' || what === undefined) return error;
  return { sqlstate, message: `conversion ${what}` };
}
