import type { BackendState } from '../backend/backend-state.ts';
import type { StatementSink } from '../statements/statement-sink.ts';

/** The leased server connection, as seen by code that rewrites the requests of its session. */
export interface RewriterSink extends StatementSink {
  readonly state: BackendState;
  /** Extended-protocol messages were sent since the last Sync: an implicit transaction may be open. */
  cycleOpen: boolean;
  /** Extended-protocol requests without a Sync were sent; internal requests before a cycle count too. */
  readonly midCycle: boolean;
  /** No session leases the connection after this one. */
  retire(reason: string): void;
}
