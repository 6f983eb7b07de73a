import {
  buildBind,
  buildClosePortal,
  buildCloseStatement,
  buildExecute,
  buildParse,
  buildQuery,
} from '@sluice/wire';
import { has, mask } from '../distinct.ts';
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

/** Effects of statements that may call nextval(), possibly in a default or a trigger. */
const mayDraw = mask(
  Flag.Writes,
  Flag.Ddl,
  Flag.SetsSequence,
  Flag.UnknownFunction,
  Flag.Procedure,
  Flag.Do,
  Flag.Execute,
  Flag.Opaque,
);

/** Effects of statements that involve sequences. */
export const touchesSequences: Flag = mask(mayDraw, Flag.ReadsSequence);

/** Whether a statement with these flags must not see the sequence values of other sessions. */
function needsOwn(flags: Flag, readsValues: boolean): boolean {
  return (
    has(flags, Flag.ReadsSequence) || (readsValues && (flags & (mayDraw | Flag.Transaction)) !== 0)
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
/** The same within a cycle of the extended protocol; it does not affect the unnamed statement and portal. */
const discardMessages = Buffer.concat([
  buildParse(name, discard),
  buildBind(name, name),
  buildExecute(name),
  buildClosePortal(name),
  buildCloseStatement(name),
]);
const discardReplies = [Reply.Parse, Reply.Bind, Reply.Execute, Reply.Close, Reply.Close];

/**
 * The results of currval() and lastval() in one session. Their values exist in the server process that called
 * nextval(), and cannot be restored in another. Most applications never read them, so nothing pins until one does:
 *
 * - A session gets its value on its own connection if no other session has called nextval() there since, and on no
 *   other connection. Otherwise the values there are discarded first, so that the result is PostgreSQL's error (55000)
 *   and never the value of another session.
 * - From then on, nextval() pins the sessions of the same application, and they get their values.
 */
export class SessionSequences {
  /** The session may have called nextval() in this lease. */
  #drew = false;
  /** It certainly has a value, though lastval() does not show it: setval() was called. */
  #set = false;
  /** The session has discarded all values, unless that failed. */
  #discarded = false;
  /** The ID of the server connection where the session last called nextval(). */
  #drawnOn = 0;
  /** Counts statements that may call nextval(): a probe that was sent before the newest of them does not include it. */
  #draws = 0;
  readonly #session: number;
  readonly #cycles: QueryCycles;

  constructor(session: number, cycles: QueryCycles) {
    this.#session = session;
    this.#cycles = cycles;
  }

  /**
   * Whether a statement with these flags waits until no reply is pending, so that other sessions' values can be
   * discarded before it. `readsValues`: the application uses currval() or lastval().
   */
  mustWait(connection: ServerConnection, flags: Flag, readsValues: boolean): boolean {
    if (connection.inTransaction || connection.midCycle || !this.#cycles.arePending(connection))
      return false;
    return needsOwn(flags, readsValues) && !this.#owns(connection);
  }

  /** A statement with these flags is about to be prepared or run. */
  prepare(connection: ServerConnection, flags: Flag, readsValues: boolean): void {
    if (
      !needsOwn(flags, readsValues) ||
      this.#owns(connection) ||
      !this.#cycles.isFresh(connection)
    )
      return;
    connection.state.sequencesDrawnBy(0);
    connection.gather(
      discard,
      new InternalQuery((answer) => {
        if (answer.error !== null) connection.closeOutOfSync(`${discard}: ${answer.error.message}`);
      }),
    );
  }

  /** A statement is about to run. Returns whether it sets a value that a probe cannot see. */
  run(connection: ServerConnection, { flags, details }: Effects, readsValues: boolean): boolean {
    this.prepare(connection, flags, readsValues);
    if (has(flags, Flag.ReadsSequence)) {
      if (!this.#owns(connection)) this.#discard(connection);
      else if (this.#drawnOn === connection.id) this.#drew = true;
    }
    if (has(flags, mayDraw)) {
      connection.state.sequencesDrawnBy(this.#owns(connection) ? this.#session : severalSessions);
      this.#drawnOn = connection.id;
      this.#draws++;
      if (readsValues) this.#drew = true;
    }
    if (details.some(discardsSequences)) this.#discarded = true;
    // Only currval() shows what setval() sets.
    if (!readsValues || !has(flags, Flag.SetsSequence) || !details.some(callsSetval)) return false;
    this.#set = true;
    this.#discarded = false;
    return true;
  }

  /** Whether to determine, between transactions, if the session has a sequence value. */
  wantsProbe(pin: PinReason | null): boolean {
    return pin === null
      ? this.#drew || this.#set
      : pin === PinReason.SequenceState && this.#discarded;
  }

  /** Determines whether currval() or lastval() has a value for the session, on this connection only. */
  probe(
    connection: ServerConnection,
    pin: PinReason | null,
    done: (hasDrawn: boolean) => void,
  ): void {
    this.#drew = false;
    this.#discarded = false;
    if (this.#set && pin === null) {
      done(true);
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
        done(hasDrawn);
      }),
    );
  }

  /** The lease has ended. */
  leaseEnded(): void {
    this.#drew = false;
    this.#set = false;
  }

  /** The connection was lost, with its sequence values. */
  lost(): void {
    this.#drew = false;
  }

  /** True if all values of currval() and lastval() here are the session's own. */
  #owns(connection: ServerConnection): boolean {
    const { drawnBy } = connection.state;
    return drawnBy === 0 || (drawnBy === this.#session && this.#drawnOn === connection.id);
  }

  /** Within a transaction or a cycle: errors are discarded, because the next statement gets the same. */
  #discard(connection: ServerConnection): void {
    if (connection.midCycle) {
      toServer.add(discardMessages);
      for (const reply of discardReplies) connection.pending.append(reply, Action.Discard);
    } else {
      toServer.add(discardQuery);
      connection.pending.append(Reply.Query, Action.Orphaned);
    }
  }
}
