import {
  buildBind,
  buildClosePortal,
  buildCloseStatement,
  buildExecute,
  buildParse,
  buildQuery,
} from '@sluice/wire';
import { severalSessions } from '../backend/backend-state.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { InternalQuery } from '../protocol/internal-query.ts';
import { toServer } from '../io/write-buffer.ts';
import { Action, Reply } from '../protocol/pending-replies.ts';
import type { QueryCycles } from '../protocol/query-cycles.ts';
import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { PinReason } from './pin-reason.ts';
import { backendNamePrefix } from '../statements/backend-names.ts';

/** Effects of statements that may draw a value from a sequence, if only by a default or a trigger. */
const mayDraw =
  Flag.Writes |
  Flag.Ddl |
  Flag.SetsSequence |
  Flag.UnknownFunction |
  Flag.Procedure |
  Flag.Do |
  Flag.Execute |
  Flag.Opaque;

/** Effects of statements that have to do with sequences. */
export const touchesSequences: number = mayDraw | Flag.ReadsSequence;

/** Whether a statement with these flags must not meet what others have drawn. */
function needsOwn(flags: number, asks: boolean): boolean {
  return (
    (flags & Flag.ReadsSequence) !== 0 || (asks && (flags & (mayDraw | Flag.Transaction)) !== 0)
  );
}

function discardsSequences(effect: Effects['details'][number]): boolean {
  return effect.kind === 'discard' && (effect.what === 'all' || effect.what === 'sequences');
}

function callsSetval(effect: Effects['details'][number]): boolean {
  return effect.kind === 'call' && effect.name === 'setval';
}

const discard = 'DISCARD SEQUENCES';
const name = `${backendNamePrefix}sequences`;
const discardQuery = buildQuery(discard);
/** The same within a cycle of the extended protocol; it leaves the unnamed statement and portal alone. */
const discardMessages = Buffer.concat([
  buildParse(name, discard),
  buildBind(name, name),
  buildExecute(name),
  buildClosePortal(name),
  buildCloseStatement(name),
]);
const discardReplies = [Reply.Parse, Reply.Bind, Reply.Execute, Reply.Close, Reply.Close];

/**
 * What currval() and lastval() tell one session. The values behind them live in the backend process that drew from the
 * sequence, and nothing can bring them to another. Most applications never ask. So nothing pins until one does:
 *
 * - Whoever asks is answered by its own connection if nobody else has drawn there since, and nothing elsewhere by the
 *   session. Otherwise the values there are discarded first, so that the answer is PostgreSQL's own error (55000) and
 *   never another session's value.
 * - From then on the sessions of the same application are pinned once they have drawn a value, and get it.
 */
export class SessionSequences {
  /** Values may have been drawn in this lease that the session may ask for. */
  #drew = false;
  /** So it is for certain, though lastval() does not show it: setval() was called. */
  #set = false;
  /** The session has discarded it all, if that did not fail. */
  #discarded = false;
  /** The id of the server connection where the session has drawn last. */
  #drawnOn = 0;
  /** Counts statements that may draw: a look that was sent before the newest of them says nothing about it. */
  #draws = 0;
  readonly #session: number;
  readonly #cycles: QueryCycles;

  constructor(session: number, cycles: QueryCycles) {
    this.#session = session;
    this.#cycles = cycles;
  }

  /**
   * Whether a statement with these flags waits until nothing is owed, so that what others have drawn can be discarded in
   * front of it. `asks`: the application uses currval() or lastval().
   */
  mustWait(connection: ServerConnection, flags: number, asks: boolean): boolean {
    if (connection.inTransaction || connection.midCycle || !this.#cycles.arePending(connection))
      return false;
    return needsOwn(flags, asks) && !this.#owns(connection);
  }

  /** A statement with these flags is about to be prepared or run. */
  prepare(connection: ServerConnection, flags: number, asks: boolean): void {
    if (!needsOwn(flags, asks) || this.#owns(connection) || !this.#cycles.isFresh(connection))
      return;
    connection.state.sequencesDrawnBy(0);
    connection.gather(
      discard,
      new InternalQuery((answer) => {
        if (answer.error !== null) connection.closeOutOfSync(`${discard}: ${answer.error.message}`);
      }),
    );
  }

  /** A statement is about to run. Returns whether it sets a value that the session may ask for, as no look can see. */
  run(connection: ServerConnection, { flags, details }: Effects, asks: boolean): boolean {
    this.prepare(connection, flags, asks);
    if ((flags & Flag.ReadsSequence) !== 0) {
      if (!this.#owns(connection)) this.#discard(connection);
      else if (this.#drawnOn === connection.id) this.#drew = true;
    }
    if ((flags & mayDraw) !== 0) {
      connection.state.sequencesDrawnBy(this.#owns(connection) ? this.#session : severalSessions);
      this.#drawnOn = connection.id;
      this.#draws++;
      if (asks) this.#drew = true;
    }
    if (details.some(discardsSequences)) this.#discarded = true;
    // What setval() sets shows in currval() alone.
    if (!asks || (flags & Flag.SetsSequence) === 0 || !details.some(callsSetval)) return false;
    this.#set = true;
    this.#discarded = false;
    return true;
  }

  /** Whether it has to be found out, between transactions, if the session could be told of a value. */
  wantsProbe(pin: PinReason | null): boolean {
    return pin === null
      ? this.#drew || this.#set
      : pin === PinReason.SequenceState && this.#discarded;
  }

  /** Finds out whether the session could be told of a value by currval() or lastval(), on this connection alone. */
  probe(
    connection: ServerConnection,
    pin: PinReason | null,
    told: (hasDrawn: boolean) => void,
  ): void {
    this.#drew = false;
    this.#discarded = false;
    if (this.#set && pin === null) {
      told(true);
      return;
    }
    const draws = this.#draws;
    connection.run(
      'SELECT pg_catalog.lastval()',
      new InternalQuery((answer) => {
        if (answer.lost || draws !== this.#draws) return;
        // 55000: "lastval is not yet defined in this session".
        const hasDrawn = answer.error === null || answer.error.sqlstate !== '55000';
        if (!hasDrawn) {
          this.#drew = this.#set = this.#discarded = false;
          this.#drawnOn = 0;
        }
        told(hasDrawn);
      }),
    );
  }

  /** The lease has ended. */
  leaseEnded(): void {
    this.#drew = false;
    this.#set = false;
  }

  /** The connection was lost, and what was drawn there with it. */
  lost(): void {
    this.#drew = false;
  }

  /** True when whatever currval() and lastval() tell here is the session's own. */
  #owns(connection: ServerConnection): boolean {
    const { drawnBy } = connection.state;
    return drawnBy === 0 || (drawnBy === this.#session && this.#drawnOn === connection.id);
  }

  /** Within a transaction or a cycle: errors are dropped where the statement behind meets the same. */
  #discard(connection: ServerConnection): void {
    if (connection.midCycle) {
      toServer.add(discardMessages);
      for (const reply of discardReplies) connection.pending.append(reply | Action.Discard);
    } else {
      toServer.add(discardQuery);
      connection.pending.append(Reply.Query | Action.Orphaned);
    }
  }
}
