/**
 * What a text of SQL does to the session that runs it. Each bit answers one question that the session
 * or the pool asks; `effects.details` names what is touched. A text without any bit of
 * `touchesSession` leaves a session exactly as it found it, as far as the text itself can tell:
 * triggers, views and functions written by users may do anything, which no text shows.
 */
export const Flag = {
  /** Sets or resets a parameter for the session: SET, RESET, set_config(…, false), DISCARD ALL. */
  SetsParameter: 1 << 0,
  /** Sets a parameter until the transaction ends: SET LOCAL, SET TRANSACTION, set_config(…, true). */
  SetsLocalParameter: 1 << 1,
  /** Changes who the session acts as: SET ROLE, SET SESSION AUTHORIZATION and their resets. */
  ChangesRole: 1 << 2,
  /** BEGIN, COMMIT, SAVEPOINT, PREPARE TRANSACTION and the like. */
  Transaction: 1 << 3,
  /** PREPARE. */
  Prepare: 1 << 4,
  /** EXECUTE: its further effects are those of the statement that was prepared. */
  Execute: 1 << 5,
  /** DEALLOCATE. */
  Deallocate: 1 << 6,
  Listen: 1 << 7,
  Unlisten: 1 << 8,
  /** NOTIFY or pg_notify(). Nothing stays in the session. */
  Notify: 1 << 9,
  /** Makes a temporary object that outlives the transaction. */
  TemporaryObject: 1 << 10,
  /** Takes, or tries to take, an advisory lock that outlives the transaction. */
  AdvisoryLock: 1 << 11,
  /** Releases session advisory locks. */
  AdvisoryUnlock: 1 << 12,
  /** DECLARE, FETCH, MOVE, CLOSE. */
  Cursor: 1 << 13,
  /** DECLARE … WITH HOLD: the cursor outlives its transaction. */
  HoldableCursor: 1 << 14,
  /** LOAD of a shared library. */
  Load: 1 << 15,
  /** nextval() or setval(): currval() and lastval() of this session answer differently from now on. */
  SetsSequence: 1 << 16,
  /** currval() or lastval(): the answer belongs to the server connection that ran nextval(). */
  ReadsSequence: 1 << 17,
  /** COPY … FROM STDIN. */
  CopyIn: 1 << 18,
  /** COPY … TO STDOUT. */
  CopyOut: 1 << 19,
  /** CREATE, ALTER, DROP, GRANT and other changes of definitions. */
  Ddl: 1 << 20,
  /** CALL: the procedure may do anything, transaction control included. */
  Procedure: 1 << 21,
  /** DO: the other bits say what the words of its body may do. */
  Do: 1 << 22,
  /** Calls a function, operator or procedure that is not one of PostgreSQL's own known ones. */
  UnknownFunction: 1 << 23,
  /** Leaves session state behind that cannot be carried nor looked up: setseed(), pg_backup_start(), … */
  OtherState: 1 << 24,
  /** The answer depends on which server connection runs it: pg_backend_pid(), pg_cursors, … */
  ReadsSession: 1 << 25,
  /** DISCARD. */
  Discard: 1 << 26,
  /** INSERT, UPDATE, DELETE, MERGE, COPY FROM, TRUNCATE, or a read that locks rows. */
  Writes: 1 << 27,
  /**
   * Exactly one SELECT, VALUES, TABLE or SHOW which is known to have no side effect: no row locks, no
   * data-modifying WITH, no INTO, and only functions that PostgreSQL itself marks stable or immutable.
   */
  PlainRead: 1 << 28,
  /** The text could not be understood; `effects.reason` says why. It may do anything. */
  Opaque: 1 << 29,
} as const;

/** Bits of statements that may leave something behind in the session, or depend on what was left. */
export const touchesSession: number =
  Flag.SetsParameter |
  Flag.SetsLocalParameter |
  Flag.ChangesRole |
  Flag.Transaction |
  Flag.Prepare |
  Flag.Execute |
  Flag.Deallocate |
  Flag.Listen |
  Flag.Unlisten |
  Flag.TemporaryObject |
  Flag.AdvisoryLock |
  Flag.AdvisoryUnlock |
  Flag.Cursor |
  Flag.HoldableCursor |
  Flag.Load |
  Flag.SetsSequence |
  Flag.ReadsSequence |
  Flag.Procedure |
  Flag.Do |
  Flag.OtherState |
  Flag.Discard |
  Flag.Opaque;

/** Why a text could not be understood. */
export type OpaqueReason =
  /** The parser refuses it. So will a server of the same version; another version may not. */
  | 'syntax'
  /** Longer than what is read, or than what the parser is given. */
  | 'length'
  /** Nested deeper than the parser can take safely. */
  | 'nesting'
  /** A client encoding in which the second byte of a character may look like a quote. */
  | 'encoding'
  /** A backslash while standard_conforming_strings is, or may be, off. */
  | 'backslash'
  /** A zero byte, which the protocol does not allow inside a text. */
  | 'zero byte'
  /** A statement that this parser knows and the proxy does not. */
  | 'statement'
  /** The parser is not loaded yet, or failed. */
  | 'parser';

/** What a transaction-control statement does. */
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

/** One effect on the session. Names are as the server sees them: folded and unquoted. */
export type Effect =
  /**
   * `names` in lower case, a character for each of their bytes; 'all' after RESET ALL; 'unknown' when the text does not
   * show which.
   */
  | {
      readonly kind: 'parameter';
      readonly names: readonly string[] | 'all' | 'unknown';
      /** True when the change ends with the transaction. */
      readonly local: boolean;
      /** True for RESET and SET … TO DEFAULT: the value goes back to what it was at the start of the session. */
      readonly reset?: boolean;
      /** True when it may be one: set_config() with a value that is no constant. */
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
  /** `start` and `end` are the statement's bytes within the text; `body` is what EXECUTE will do. */
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
  /** A call of a function that touches session state, by its bare name. */
  | { readonly kind: 'call'; readonly name: string; readonly flag: number }
  /** What PostgreSQL decides at logins may be something else when this has been committed. */
  | { readonly kind: 'logins' }
  /** The server reads its configuration again, soon. */
  | { readonly kind: 'reload' }
  /** Fails while somebody is connected to the database; `forces`: it ends who is. */
  | { readonly kind: 'vacates'; readonly database: string; readonly forces: boolean }
  /** Does away with a role, or with what it owns. */
  | { readonly kind: 'vacates'; readonly role: string }
  /**
   * pg_cancel_backend() or pg_terminate_backend() of a process that the text names: by a number, which stands in its
   * bytes from `start`, or by the parameter $n.
   */
  | {
      readonly kind: 'signal';
      readonly ends: boolean;
      readonly processId: number;
      readonly start: number;
    }
  | { readonly kind: 'signal'; readonly ends: boolean; readonly parameter: number }
  /** The same of the process that runs the statement: pg_terminate_backend(pg_backend_pid()). */
  | { readonly kind: 'signal'; readonly ends: boolean; readonly isOwn: true }
  /** A call of a function that is not known, as written (schema.name). */
  | { readonly kind: 'unknown call'; readonly name: string };

/** What a text does. Frozen and shared: the same object may be the answer for many texts. */
export interface Effects {
  /** Bits of `Flag`. */
  readonly flags: number;
  /** How many statements the text holds; 0 for an empty one, and for one that is opaque. */
  readonly statements: number;
  /** What is touched, in the order of the text. */
  readonly details: readonly Effect[];
  /** For each of `details`, the statement it belongs to, counted from 0; empty when there is but one. */
  readonly positions: readonly number[];
  /** Set exactly when `Flag.Opaque` is. */
  readonly reason: OpaqueReason | undefined;
}

const noDetails: readonly Effect[] = Object.freeze([]);
const noPositions: readonly number[] = Object.freeze([]);

/** Builds the frozen answer. */
export function effectsOf(
  flags: number,
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
  });
}

const opaque = new Map<OpaqueReason, Effects>();

/** The answer for a text that could not be understood. */
export function opaqueEffects(reason: OpaqueReason): Effects {
  let effects = opaque.get(reason);
  if (effects === undefined) {
    effects = Object.freeze({
      flags: Flag.Opaque,
      statements: 0,
      details: noDetails,
      positions: noPositions,
      reason,
    });
    opaque.set(reason, effects);
  }
  return effects;
}
