import type { ParameterSet } from '../parameters/parameter-set.ts';
import type { ReadUnder } from '../parameters/read-under.ts';
import type { RequestSink } from '../protocol/request-sink.ts';
import type { ConnectionStatements } from './connection-statements.ts';
import type { UnnamedSlot } from './unnamed-slot.ts';

/** The session with the lease of a connection, as seen by code that prepares statements there. */
export interface StatementOwner {
  /** The session may be about to change the meaning of its texts, for example by DateStyle. */
  readonly meaningUncertain: boolean;
  /** The parameters for parsing a text that the session sends now. */
  readsUnder(hasLiterals: boolean): ReadUnder;
}

/** The state of a server process, as seen by code that prepares statements there; see `BackendState`. */
export interface StatementState {
  readonly status: number;
  readonly parameterSet: ParameterSet | null;
  readonly statements: ConnectionStatements;
  readonly unnamed: UnnamedSlot;
}

/** A server connection, as seen by code that prepares statements there. */
export interface StatementSink extends RequestSink {
  readonly state: StatementState;
  /** Extended-protocol messages were sent since the last Sync. */
  readonly cycleOpen: boolean;
  readonly leaseOwner: StatementOwner | null;
}
