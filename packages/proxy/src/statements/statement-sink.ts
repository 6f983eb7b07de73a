import type { ParameterSet } from '../parameters/parameter-set.ts';
import type { ReadUnder } from '../parameters/read-under.ts';
import type { PendingReplies } from '../protocol/pending-replies.ts';
import type { ConnectionStatements } from './connection-statements.ts';
import type { UnnamedSlot } from './unnamed-slot.ts';

/** The session that has leased a connection, as those see it who prepare statements there. */
export interface StatementOwner {
  /** The session may be about to change what its texts mean: a date by DateStyle, for one. */
  readonly meaningUncertain: boolean;
  /** Under what a text is read that the session sends now. */
  readsUnder(hasLiterals: boolean): ReadUnder;
}

/** What a server process holds, as those see it who prepare statements there; see `BackendState`. */
export interface StatementState {
  readonly status: number;
  readonly parameterSet: ParameterSet | null;
  readonly statements: ConnectionStatements;
  readonly unnamed: UnnamedSlot;
}

/** A server connection, as those see it who prepare statements there: their messages go to `toServer`. */
export interface StatementSink {
  readonly pending: PendingReplies;
  readonly state: StatementState;
  /** Extended-protocol messages were sent since the last Sync. */
  readonly cycleOpen: boolean;
  readonly leaseOwner: StatementOwner | null;
}
