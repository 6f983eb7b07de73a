import { TransactionStatus } from '@sluice/wire';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import { ClientNamedStatements } from '../statements/client-named-statements.ts';
import { ConnectionStatements } from '../statements/connection-statements.ts';
import type { SessionNames } from '../statements/session-names.ts';
import { UnnamedSlot } from '../statements/unnamed-slot.ts';
import { Residue } from './residue.ts';

/** Several sessions have called nextval(): see `BackendState.drawnBy`. */
export const severalSessions = -1;

/**
 * The assumed state of one server process: what replies have reported, and what was sent with the expectation that it
 * succeeds. It sends nothing.
 */
export class BackendState {
  /** The prepared statements with names of the proxy. */
  readonly statements: ConnectionStatements;
  readonly unnamed = new UnnamedSlot();
  /** The reported parameters (ParameterStatus), by name: bytes in the client_encoding of that time. */
  readonly reported: Map<string, string>;
  /** Other side effects of sessions. */
  readonly residue = new Residue();
  #status: number = TransactionStatus.Idle;
  #clientNamed: ClientNamedStatements | null = null;
  #parameterSet: ParameterSet | null = null;
  #drawnBy = 0;
  #isUsed = false;
  #needsReset = false;

  /** `statementLimit`: the maximum number of prepared statements. */
  constructor(reported: Map<string, string>, statementLimit: number) {
    this.reported = reported;
    this.statements = new ConnectionStatements(statementLimit);
  }

  /** The status byte of the last ReadyForQuery. */
  get status(): number {
    return this.#status;
  }

  get inTransaction(): boolean {
    return this.#status !== TransactionStatus.Idle;
  }

  /** ReadyForQuery has reported this status. */
  ready(status: number): void {
    this.#status = status;
  }

  /** The statements with client names, for SQL to call; null if there are none. */
  get clientNamed(): ClientNamedStatements | null {
    return this.#clientNamed;
  }

  /** The same, for the session whose names `owner` are. Those of another session do not exist for it. */
  clientNamedOf(owner: SessionNames): ClientNamedStatements {
    if (this.#clientNamed?.owner !== owner) this.#clientNamed = new ClientNamedStatements(owner);
    return this.#clientNamed;
  }

  /** No client-named statement is left. */
  clientNamedClosed(): void {
    this.#clientNamed = null;
  }

  /** The last replayed parameters; a session with the same set needs no replay. Null: those of a new process. */
  get parameterSet(): ParameterSet | null {
    return this.#parameterSet;
  }

  /** The process has these parameters, or will have them after the requests that were sent. */
  parametersSet(set: ParameterSet): void {
    this.#parameterSet = set;
  }

  /** The ID of the session that may have called nextval() here; 0 for none, `severalSessions` for several. */
  get drawnBy(): number {
    return this.#drawnBy;
  }

  /** currval() and lastval() return the values of this session, or of several: see `drawnBy`. */
  sequencesDrawnBy(session: number): void {
    this.#drawnBy = session;
  }

  /** A session has used it: parameters that can only be set before first use may be fixed. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** A session leases it. */
  used(): void {
    this.#isUsed = true;
  }

  /** A session has left state that DISCARD ALL removes. */
  get needsReset(): boolean {
    return this.#needsReset;
  }

  set needsReset(needed: boolean) {
    this.#needsReset = needed;
  }

  /** All possible state of sessions is being removed. */
  reset(): void {
    this.#needsReset = false;
    this.statements.clear();
    this.#clientNamed = null;
    this.#parameterSet = null;
    this.#drawnBy = 0;
    this.residue.clear();
  }
}
