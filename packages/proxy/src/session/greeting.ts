import { authenticationOk, buildParameterStatus } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { ServerConnection } from '../backend/server-connection.ts';
import type { ConnectionLoss, LeaseOwner } from '../backend/lease-owner.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import type { Pool } from '../pool/pool.ts';
import type { Borrower } from '../pool/pool-target.ts';
import { lexisOf } from '../sql/index.ts';
import { readUnderAny } from '../parameters/read-under.ts';
import type { ReadUnder } from '../parameters/read-under.ts';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import { decoded, dependsOnProcess, startValuesOf } from '../parameters/replay-sql.ts';

/**
 * Learns what the database reports to a client with certain startup parameters: borrows a connection, sets them,
 * and keeps what the database says. The next client with the same parameters needs no server connection to log in.
 */
export class Greeting implements Borrower, LeaseOwner<ServerConnection> {
  readonly parameters: ParameterSet;
  readonly waitingSince = performance.now();
  readonly blocked = false;
  readonly awaitsAnswers = false;
  readonly survivesLoss = false;
  readonly meaningUncertain = false;
  readonly readsUnder = (): ReadUnder => readUnderAny;

  readonly #pool: Pool;
  readonly #done: (error: ErrorFields | null) => void;
  #over = false;
  #needsNew = false;

  /** `done` is called once; without an error, `parameters.greeting` is there. */
  constructor(pool: Pool, parameters: ParameterSet, done: (error: ErrorFields | null) => void) {
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

  /** The client has gone before its turn came. */
  cancel(): void {
    this.#over = true;
    this.#pool.leave(this);
  }

  granted(connection: ServerConnection): void {
    connection.leaseTo(this);
    this.#pool.reset(connection, 0);
    // Without a replay, too: a connection that rests has not heard yet that the configuration was read again.
    const { sql, names } = startValuesOf(connection.state.parameterSet, this.parameters);
    connection.run(
      sql,
      new InternalQuery((answer) => {
        if (answer.lost) return;
        if (answer.error !== null) {
          this.#refused(answer.error, connection);
          return;
        }
        this.#learn(
          connection,
          names.map((name, at) => [name, decoded(answer.rows[0]?.[at + 1] ?? '')]),
        );
      }),
    );
  }

  borrowFailed(error: ErrorFields): void {
    this.#finish(error);
  }

  connectionLost(loss: ConnectionLoss): void {
    this.#finish(loss.error.fields);
  }

  canSendAgain(): boolean {
    return false;
  }

  sendAgain(): void {
    // A login that fails is the client's to repeat.
  }

  letsGo(): boolean {
    return true;
  }

  planOutdated(): boolean {
    return false;
  }

  beliefContradicted(): boolean {
    return false;
  }

  translate(text: string): string {
    return text;
  }

  replayed(): void {
    // What it sets is its own statement.
  }

  replayRefused(): void {
    // Nothing is set in front of it.
  }

  relay(): void {
    // Nothing of the proxy's own request is relayed.
  }

  flushReplies(): void {
    // Nothing was gathered.
  }

  cycleBegan(): void {
    // No cycle of a client's runs.
  }

  cycleEnded(): void {
    // No cycle of a client's has run.
  }

  syncsIgnored(): void {
    // Nothing is copied.
  }

  leaseEnded(): void {
    // What was to be learnt has been learnt.
  }

  resume(): void {
    // Nothing more is asked.
  }

  parameterReported(): void {
    // The connection keeps what is reported.
  }

  notified(): boolean {
    return false;
  }

  /** The connection cannot take these values; it is as it was. Another may, if what they hang on is the server process. */
  #refused(error: ErrorFields, connection: ServerConnection): void {
    const isStateful = [...this.parameters.values.keys()].some(dependsOnProcess);
    if (this.#over || this.#needsNew || !connection.state.isUsed || !isStateful) {
      this.#finish(asAtLogin(error));
      return;
    }
    this.#needsNew = true;
    // This one goes back first.
    queueMicrotask(() => {
      if (!this.#over) this.start();
    });
  }

  /** `values`: what was asked for, as PostgreSQL writes it. */
  #learn(connection: ServerConnection, values: readonly (readonly [string, string])[]): void {
    if (connection.loginGeneration !== this.#pool.loginGeneration) {
      // New connections begin in another way by now.
      queueMicrotask(() => {
        if (!this.#over) this.start();
      });
      return;
    }
    const { parameterSets } = this.#pool;
    const canonical = parameterSets.acquire(values);
    connection.state.parametersSet(canonical);
    const messages = [authenticationOk];
    for (const [name, value] of connection.state.reported)
      messages.push(buildParameterStatus(name, value));
    const greeting = Buffer.concat(messages);
    for (const set of [canonical, this.parameters]) {
      set.reported = new Map(connection.state.reported);
      set.lexis = lexisOf(
        connection.state.reported.get('client_encoding'),
        connection.state.reported.get('standard_conforming_strings'),
      );
      set.canonical = canonical;
      set.greeting = greeting;
    }
    parameterSets.release(canonical);
    this.#finish(null);
  }

  #finish(error: ErrorFields | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#done(error);
  }
}

/** PostgreSQL says at a login what SET says in a detail: that it has no conversion for a client_encoding. */
function asAtLogin(error: ErrorFields): ErrorFields {
  const { sqlstate, detail } = error;
  const [, what] = /^Conversion (between .*)\.$/.exec(detail ?? '') ?? [];
  if (sqlstate !== '0A000' || what === undefined) return error;
  return { sqlstate, message: `conversion ${what}` };
}
