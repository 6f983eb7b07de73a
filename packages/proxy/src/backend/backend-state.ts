import { TransactionStatus } from '@sluice/wire';
import type { ParameterSet } from '../parameters/parameter-set.ts';
import { ClientNamedStatements } from '../statements/client-named-statements.ts';
import { ConnectionStatements } from '../statements/connection-statements.ts';
import type { SessionNames } from '../statements/session-names.ts';
import { UnnamedSlot } from '../statements/unnamed-slot.ts';
import { Residue } from './residue.ts';

/** Several sessions have drawn from sequences: see `BackendState.drawnBy`. */
export const severalSessions = -1;

/**
 * What one server process holds of the sessions that it has served, as far as the proxy believes: what the answers have told,
 * and what was sent in the expectation that it succeeds. Nothing here sends anything.
 */
export class BackendState {
  /** The prepared statements that it has under names of the proxy's. */
  readonly statements: ConnectionStatements;
  readonly unnamed = new UnnamedSlot();
  /** What it has reported (ParameterStatus), by name: bytes in the client_encoding of the time. */
  readonly reported: Map<string, string>;
  /** What sessions may have left, other than what is known. */
  readonly residue = new Residue();
  #status: number = TransactionStatus.Idle;
  #clientNamed: ClientNamedStatements | null = null;
  #parameterSet: ParameterSet | null = null;
  #drawnBy = 0;
  #isUsed = false;
  #needsReset = false;

  /** `statementLimit`: prepared statements that are kept. */
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

  /** ReadyForQuery has told this status. */
  ready(status: number): void {
    this.#status = status;
  }

  /** Statements that it has under names as a session gave them, for SQL to call; null when there are none. */
  get clientNamed(): ClientNamedStatements | null {
    return this.#clientNamed;
  }

  /** The same, for the session whose names `owner` are: those of another are not there any more. */
  clientNamedOf(owner: SessionNames): ClientNamedStatements {
    if (this.#clientNamed?.owner !== owner) this.#clientNamed = new ClientNamedStatements(owner);
    return this.#clientNamed;
  }

  /** No statement is left under a name that a session gave. */
  clientNamedClosed(): void {
    this.#clientNamed = null;
  }

  /** The parameters that were replayed here last; a session with the same set needs no replay. Null: those of a new process. */
  get parameterSet(): ParameterSet | null {
    return this.#parameterSet;
  }

  /** The process has these parameters, or will have when what was sent is done. */
  parametersSet(set: ParameterSet): void {
    this.#parameterSet = set;
  }

  /** The id of the session that may have drawn from sequences here; 0 for none, `severalSessions` for several. */
  get drawnBy(): number {
    return this.#drawnBy;
  }

  /** currval() and lastval() answer with what this session has drawn, or sessions have: see `drawnBy`. */
  sequencesDrawnBy(session: number): void {
    this.#drawnBy = session;
  }

  /** A session has had it: what can only be set before first use may be fixed by now. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** A session gets it. */
  used(): void {
    this.#isUsed = true;
  }

  /** A session has left what DISCARD ALL removes. */
  get needsReset(): boolean {
    return this.#needsReset;
  }

  set needsReset(needed: boolean) {
    this.#needsReset = needed;
  }

  /** Everything that a session could have left is being removed. */
  reset(): void {
    this.#needsReset = false;
    this.statements.clear();
    this.#clientNamed = null;
    this.#parameterSet = null;
    this.#drawnBy = 0;
    this.residue.clear();
  }
}
