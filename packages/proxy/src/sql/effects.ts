import { distinct, mask } from '../distinct.ts';
import type { Distinct } from '../distinct.ts';
import type { Template } from './template.ts';

/**
 * The effects of a SQL text on the session that runs it. Each bit answers one question of the session or the pool;
 * `effects.details` has the names. A text without any bit of `touchesSession` does not change the session, as far as
 * the text shows: user-defined triggers, views and functions may do anything.
 */
export const Flag = distinct<'Flag'>()({
  None: 0,
  /** Sets or resets a parameter for the session: SET, RESET, set_config(…, false), DISCARD ALL. */
  SetsParameter: 1 << 0,
  /** Sets a parameter until the transaction ends: SET LOCAL, SET TRANSACTION, set_config(…, true). */
  SetsLocalParameter: 1 << 1,
  /** Changes the identity of the session: SET ROLE, SET SESSION AUTHORIZATION and their resets. */
  ChangesRole: 1 << 2,
  /** BEGIN, COMMIT, SAVEPOINT, PREPARE TRANSACTION and the like. */
  Transaction: 1 << 3,
  /** PREPARE. */
  Prepare: 1 << 4,
  /** EXECUTE: its other effects are those of the prepared statement. */
  Execute: 1 << 5,
  /** DEALLOCATE. */
  Deallocate: 1 << 6,
  Listen: 1 << 7,
  Unlisten: 1 << 8,
  /** NOTIFY or pg_notify(). It leaves no session state. */
  Notify: 1 << 9,
  /** Creates a temporary object that outlives the transaction. */
  TemporaryObject: 1 << 10,
  /** Acquires, or tries to acquire, an advisory lock that outlives the transaction. */
  AdvisoryLock: 1 << 11,
  /** Releases session advisory locks. */
  AdvisoryUnlock: 1 << 12,
  /** DECLARE, FETCH, MOVE, CLOSE. */
  Cursor: 1 << 13,
  /** DECLARE … WITH HOLD: the cursor outlives its transaction. */
  HoldableCursor: 1 << 14,
  /** LOAD of a shared library. */
  Load: 1 << 15,
  /** nextval() or setval(): changes the results of currval() and lastval() in this session. */
  SetsSequence: 1 << 16,
  /** currval() or lastval(): the value is on the server connection that ran nextval(). */
  ReadsSequence: 1 << 17,
  /** COPY … FROM STDIN. */
  CopyIn: 1 << 18,
  /** COPY … TO STDOUT. */
  CopyOut: 1 << 19,
  /** CREATE, ALTER, DROP, GRANT and other changes of definitions. */
  Ddl: 1 << 20,
  /** CALL: the procedure may do anything, including transaction control. */
  Procedure: 1 << 21,
  /** DO: the other bits are the possible effects of the words of its body. */
  Do: 1 << 22,
  /** Calls a function, operator or procedure that is not a known built-in one. */
  UnknownFunction: 1 << 23,
  /** Leaves session state that cannot be tracked or probed: setseed(), pg_backup_start(), … */
  OtherState: 1 << 24,
  /** The result depends on the server connection: pg_backend_pid(), pg_cursors, … */
  ReadsSession: 1 << 25,
  /** DISCARD. */
  Discard: 1 << 26,
  /** INSERT, UPDATE, DELETE, MERGE, COPY FROM, TRUNCATE, or a read that locks rows. */
  Writes: 1 << 27,
  /**
   * Exactly one SELECT, VALUES, TABLE or SHOW that is known to have no side effects: no row locks, no data-modifying
   * WITH, no INTO, and only functions that PostgreSQL marks as stable or immutable.
   */
  PlainRead: 1 << 28,
  /** The text could not be analyzed, for `effects.reason`. It may do anything. */
  Opaque: 1 << 29,
});
export type Flag = Distinct<'Flag'>;

/** Bits of statements that may change or use session state. */
export const touchesSession: Flag = mask(
  Flag.SetsParameter,
  Flag.SetsLocalParameter,
  Flag.ChangesRole,
  Flag.Transaction,
  Flag.Prepare,
  Flag.Execute,
  Flag.Deallocate,
  Flag.Listen,
  Flag.Unlisten,
  Flag.TemporaryObject,
  Flag.AdvisoryLock,
  Flag.AdvisoryUnlock,
  Flag.Cursor,
  Flag.HoldableCursor,
  Flag.Load,
  Flag.SetsSequence,
  Flag.ReadsSequence,
  Flag.Procedure,
  Flag.Do,
  Flag.OtherState,
  Flag.Discard,
  Flag.Opaque,
);

/** Why a text could not be analyzed. */
export type OpaqueReason =
  /** The parser refuses it. So will a server of the same version; another version might accept it. */
  | 'syntax'
  /** Longer than the limit for analysis or parsing. */
  | 'length'
  /** Nested deeper than the parser can safely process. */
  | 'nesting'
  /** A client encoding in which the second byte of a character may look like a quote. */
  | 'encoding'
  /** A backslash while standard_conforming_strings is, or may be, off. */
  | 'backslash'
  /** It is called by a name that only the database can read. */
  | 'name'
  /** A zero byte, which the protocol does not allow inside a text. */
  | 'zero byte'
  /** A statement that this parser knows and the proxy does not. */
  | 'statement'
  /** The parser is not loaded yet, or failed. */
  | 'parser';

/** The action of a transaction-control statement. */
export type TransactionAction =
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'release'
  | 'rollback to'
  | 'prepare'
  | 'commit prepared'
  | 'rollback prepared';

/** One effect on the session. Names are folded and unquoted, as in the server. */
export type Effect =
  /** `names` in lower case, one character per byte; 'all' after RESET ALL; 'unknown' if the text does not show them. */
  | {
      readonly kind: 'parameter';
      readonly names: readonly string[] | 'all' | 'unknown';
      /** True when the change ends with the transaction. */
      readonly local: boolean;
      /** True for RESET and SET … TO DEFAULT: restores the value at the start of the session. */
      readonly reset?: boolean;
      /** True if it may be a reset: set_config() with a value that is not a constant. */
      readonly mayReset?: boolean;
      /** With `mayReset`, the number of the statement's parameter ($1 is 1) that is the value, if it is one. */
      readonly valueFrom?: number;
    }
  | {
      readonly kind: 'transaction';
      readonly action: TransactionAction;
      /** The savepoint, for 'savepoint', 'release' and 'rollback to'. */
      readonly name: string | undefined;
      /** AND CHAIN. */
      readonly chain: boolean;
    }
  /** `start` and `end` are the statement's bytes within the text; `body` are the effects of EXECUTE. */
  | {
      readonly kind: 'prepare';
      readonly name: string;
      readonly start: number;
      readonly end: number;
      readonly body: Effects;
    }
  | { readonly kind: 'execute'; readonly name: string }
  /** No name: ALL. */
  | { readonly kind: 'deallocate'; readonly name: string | undefined }
  | { readonly kind: 'listen'; readonly channel: string }
  /** No channel: all of them. */
  | { readonly kind: 'unlisten'; readonly channel: string | undefined }
  /** No channel: the text does not show it (pg_notify with an expression). */
  | { readonly kind: 'notify'; readonly channel: string | undefined }
  | { readonly kind: 'discard'; readonly what: 'all' | 'plans' | 'sequences' | 'temp' }
  /** No name: CLOSE ALL. */
  | {
      readonly kind: 'cursor';
      readonly action: 'declare' | 'fetch' | 'close';
      readonly name: string | undefined;
      readonly hold: boolean;
    }
  /** A call of a function that affects session state, by its unqualified name. */
  | { readonly kind: 'call'; readonly name: string; readonly flag: Flag }
  /** Login-time settings may have changed after the commit. */
  | { readonly kind: 'logins'; readonly ofTriggers?: true }
  /** The server will reload its configuration soon. */
  | { readonly kind: 'reload' }
  /** Fails while there are connections to the database; `forces`: it terminates them. */
  | { readonly kind: 'vacates'; readonly database: string; readonly forces: boolean }
  /** Drops a role, or what it owns. */
  | { readonly kind: 'vacates'; readonly role: string }
  /**
   * pg_cancel_backend() or pg_terminate_backend() of a process that the text names: by a number, whose bytes begin at
   * `start`, or by the parameter $n.
   */
  | {
      readonly kind: 'signal';
      readonly ends: boolean;
      readonly processId: number;
      readonly start: number;
    }
  | { readonly kind: 'signal'; readonly ends: boolean; readonly parameter: number }
  /** The same for the process that runs the statement: pg_terminate_backend(pg_backend_pid()). */
  | { readonly kind: 'signal'; readonly ends: boolean; readonly isOwn: true }
  /** A call of an unknown function, as written (schema.name). */
  | { readonly kind: 'unknown call'; readonly name: string };

/** The effects of a text. Frozen and shared: many texts may have the same object. */
export interface Effects {
  /** Bits of `Flag`. */
  readonly flags: Flag;
  /** The number of statements in the text; 0 for an empty or an opaque one. */
  readonly statements: number;
  /** The details, in the order of the text. */
  readonly details: readonly Effect[];
  /** For each of `details`, the index of its statement; empty if there is only one statement. */
  readonly positions: readonly number[];
  /** Set exactly when `Flag.Opaque` is. */
  readonly reason: OpaqueReason | undefined;
  /** What its transaction control does, taken together; null: it has none. */
  readonly transaction: TransactionChange | null;
  /** The template of the text, if all texts with that template have these effects and it is remembered. */
  readonly template: Template | null;
  /** With a template: the same effects, as texts with other templates may share them. */
  readonly shared: Effects | null;
}

/** What the transaction control of a text does, up to its end. */
export interface TransactionChange {
  /** Whether a transaction that it has begun is open at the end; null: it neither begins nor ends one. */
  readonly begins: boolean | null;
  /** It ends the transaction that was open before. */
  readonly ends: boolean;
  /** It may have committed. */
  readonly mayCommit: boolean;
}

function transactionOf(details: readonly Effect[]): TransactionChange | null {
  let begins: boolean | null = null;
  let ends = false;
  let mayCommit = false;
  let isAny = false;
  for (const effect of details) {
    if (effect.kind !== 'transaction') continue;
    isAny = true;
    switch (effect.action) {
      case 'begin':
        begins = true;
        break;
      case 'rollback':
      case 'commit':
      case 'prepare':
        ends = true;
        begins = effect.chain;
        if (effect.action !== 'rollback') mayCommit = true;
        break;
      case 'commit prepared':
      case 'rollback prepared':
        mayCommit = true;
        break;
      default:
      // Savepoints neither begin nor end a transaction.
    }
  }
  return isAny ? Object.freeze({ begins, ends, mayCommit }) : null;
}

const noDetails: readonly Effect[] = Object.freeze([]);
const noPositions: readonly number[] = Object.freeze([]);

/** Creates the frozen effects. */
export function effectsOf(
  flags: Flag,
  statements: number,
  details: readonly Effect[] = noDetails,
  positions: readonly number[] = noPositions,
): Effects {
  return Object.freeze({
    flags,
    statements,
    details: details.length === 0 ? noDetails : Object.freeze(details),
    positions: statements < 2 || details.length === 0 ? noPositions : Object.freeze(positions),
    reason: undefined,
    transaction: transactionOf(details),
    template: null,
    shared: null,
  });
}

/** The same effects, for texts with this template. */
export function effectsOfTemplate(effects: Effects, template: Template): Effects {
  return Object.freeze({ ...effects, template, shared: effects });
}

/** The object that all texts with the same effects share, as far as they are known to be the same. */
export function sharedEffects(effects: Effects): Effects {
  return effects.shared ?? effects;
}

const opaque = new Map<OpaqueReason, Effects>();

/** The effects of a text that could not be analyzed. */
export function opaqueEffects(reason: OpaqueReason): Effects {
  let effects = opaque.get(reason);
  if (effects === undefined) {
    effects = Object.freeze({
      flags: Flag.Opaque,
      statements: 0,
      details: noDetails,
      positions: noPositions,
      reason,
      transaction: null,
      template: null,
      shared: null,
    });
    opaque.set(reason, effects);
  }
  return effects;
}
