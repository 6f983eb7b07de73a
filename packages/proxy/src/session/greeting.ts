import { authenticationOk, buildParameterStatus } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { DatabaseConnection } from '../backend/database-connection.ts';
import type { ConnectionLoss, LoanHolder } from '../backend/loan.ts';
import { ProxyRequest } from '../backend/proxy-request.ts';
import type { Pool } from '../pool/pool.ts';
import type { Borrower } from '../pool/pool-target.ts';
import { lexisOf } from '../sql/index.ts';
import { replaySql } from './parameter-set.ts';
import type { ParameterSet } from './parameter-set.ts';

/**
 * Learns what the database reports to a client with certain startup parameters: borrows a connection, sets them,
 * and keeps what the database says. The next client with the same parameters needs no database connection to log in.
 */
export class Greeting implements Borrower, LoanHolder {
  readonly parameters: ParameterSet;
  readonly waitingSince = performance.now();
  readonly blocked = false;
  readonly awaitsAnswers = false;
  readonly survivesLoss = false;

  readonly #pool: Pool;
  readonly #done: (error: ErrorFields | null) => void;
  #over = false;

  /** `done` is called once; without an error, `parameters.greeting` is there. */
  constructor(pool: Pool, parameters: ParameterSet, done: (error: ErrorFields | null) => void) {
    this.#pool = pool;
    this.parameters = parameters;
    this.#done = done;
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

  granted(connection: DatabaseConnection): void {
    connection.lend(this);
    const sql = replaySql(connection.parameterSet, this.parameters);
    if (sql === '') {
      connection.parameterSet = this.parameters;
      this.#learn(connection);
      connection.settle();
      return;
    }
    connection.run(
      sql,
      new ProxyRequest((answer) => {
        if (answer.lost) return;
        if (answer.error !== null) {
          this.#finish(answer.error);
          return;
        }
        connection.parameterSet = this.parameters;
        this.#learn(connection);
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

  translate(text: string): string {
    return text;
  }

  relay(): void {
    // Nothing of the proxy's own request is relayed.
  }

  flushReplies(): void {
    // Nothing was gathered.
  }

  groupEnded(): void {
    // No group of a client's has run.
  }

  loanEnded(): void {
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

  #learn(connection: DatabaseConnection): void {
    this.parameters.reported = new Map(connection.reported);
    const messages = [authenticationOk];
    for (const [name, value] of connection.reported)
      messages.push(buildParameterStatus(name, value));
    this.parameters.lexis = lexisOf(
      connection.reported.get('client_encoding'),
      connection.reported.get('standard_conforming_strings'),
    );
    this.parameters.greeting = Buffer.concat(messages);
    this.#finish(null);
  }

  #finish(error: ErrorFields | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#done(error);
  }
}
