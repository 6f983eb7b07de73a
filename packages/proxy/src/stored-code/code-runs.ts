import { has, mask } from '../distinct.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { clock } from '../io/clock.ts';
import { guarded } from '../io/guard.ts';
import { Flag, normalizedOf } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';
import { dottedNamesIn } from '../parameters/dotted-names.ts';
import { deservesProbe, isKnownToLeave } from './probe-sampling.ts';
import type { Suspect } from './probe-sampling.ts';
import { Risk } from './stored-code-sql.ts';
import type { StoredCode, Verdict } from './stored-code.ts';

/** The maximum number of unchecked statements and their maximum length; the session is probed for others. */
const mostUnchecked = 100;
const longestUnchecked = 65_536;
/** How long a session waits for a reading on another connection, in milliseconds. */
const patience = 500;
/**
 * The maximum number of parameter names that are searched for in a lease, and the number of searched bytes of a
 * statement's values.
 */
const mostNames = 100;
const longestValues = 4096;
/** Statements that must be the last in their text, or are followed by data from the client. */
const standsAlone = mask(Flag.Ddl, Flag.CopyIn, Flag.CopyOut, Flag.Procedure, Flag.Do, Flag.Opaque);
/** Statements that may set search_path without naming it. */
const mayHideSet = mask(
  Flag.UnknownFunction,
  Flag.Procedure,
  Flag.Do,
  Flag.Execute,
  Flag.Opaque,
  Flag.Writes,
);
/** The maximum number of statements stored for one probe; the log has no more. */
const mostSuspects = 20;

/** The text sets search_path, as far as it shows. */
function setsPath({ details }: Effects): boolean {
  return details.some(
    (effect) =>
      effect.kind === 'parameter' &&
      (typeof effect.names === 'string' || effect.names.includes('search_path')),
  );
}

/** The session whose statements run code of the database. */
export interface CodeOwner {
  readonly connection: ServerConnection | null;
  readonly storedCode: StoredCode;
  /** An object that no text calls temporary may be created in pg_temp. */
  readonly mayCreateInTemporary: boolean;
  /** The statement in `source` from `start` runs code with these `effects`. */
  mayChange(effects: Effects, source: Buffer, start: number): void;
  /** An unknown function is about to run that may reset parameters. */
  mayReset(): void;
  /** The statement runs code whose side effects a reset might not remove. */
  mayLeaveForGood(source: Buffer, start: number): void;
  /** The same of a statement whose code is not known. */
  mayHaveLeftForGood(): void;
  /** The connection accepts requests of the session again. */
  resumeRequests(): void;
}

/** The code of the database that a session's statements may have run on its lease, and its consequences. */
export class CodeRuns {
  readonly #owner: CodeOwner;
  /** Statements after which the session is to be probed. */
  #suspects: Suspect[] = [];
  /** One of them certainly has side effects. */
  #isCertain = false;
  /** Statements that ran while the code of the database was unknown. */
  #unchecked: { readonly effects: Effects; readonly text: Buffer; readonly at: number }[] = [];
  /** When the last one ran that was not kept, because there were too many or it was too long. */
  #moreAt = -Infinity;
  /**
   * Possible names of custom parameters in statements that are probed for: in their values and literals, and in
   * unparsed texts. As the client's bytes.
   */
  readonly names = new Set<string>();
  /** The session's DDL may have changed the code of the database. */
  #changes = false;
  /** It may have created or replaced functions. */
  #bringsFunctions = false;
  /** Code that ran on the lease may have set search_path. */
  #mayHaveSetPath = false;

  constructor(owner: CodeOwner) {
    this.#owner = owner;
  }

  get hasUnchecked(): boolean {
    return this.#unchecked.length > 0 || this.#moreAt > -Infinity;
  }

  get hasSuspects(): boolean {
    return this.#suspects.length > 0;
  }

  /** A probe will certainly find something, so it does not wait until another session needs the connection. */
  get isCertain(): boolean {
    return this.#isCertain;
  }

  /**
   * The statement in `source` from `start`, which is about to run, may run or change code of the database. Returns its
   * possible side effects with unknown names.
   */
  willRun(effects: Effects, source: Buffer, start: number): Risk {
    const { storedCode } = this.#owner;
    const zero = source.indexOf(0, start);
    const end = zero < 0 ? source.length : zero;
    const { flags } = effects;
    const verdict = storedCode.verdictOf(effects, source, start, end);
    if (!storedCode.isKnown || verdict.isNew) {
      if (this.#unchecked.length < mostUnchecked && end - start < longestUnchecked)
        this.#unchecked.push({
          effects,
          text: Buffer.from(source.subarray(start, end)),
          at: clock.now,
        });
      else {
        this.#moreAt = clock.now;
        this.#suspect(effects, source, start, end, true);
      }
      if (has(flags, Flag.UnknownFunction) && !has(flags, standsAlone)) this.#owner.mayReset();
    } else this.#take(verdict, effects, source, start, end);
    const mayHavePath = this.#mayHaveSetPath || (effects.statements > 1 && setsPath(effects));
    if (has(flags, mayHideSet) && verdict.risk !== Risk.None) this.#mayHaveSetPath = true;
    if (has(flags, Flag.Ddl)) {
      // The text does not show objects in a temporary schema on the search_path.
      if (mayHavePath || this.#owner.mayCreateInTemporary)
        this.#suspect(effects, source, start, end, false);
      const text = source.subarray(start, end);
      if (storedCode.isChangedBy(effects, text)) {
        const bringsFunctions = storedCode.bringsFunctions(effects, text);
        storedCode.outdate(bringsFunctions);
        this.#changes = true;
        this.#bringsFunctions ||= bringsFunctions;
      }
    }
    if (verdict.risk === Risk.Lasting) this.#owner.mayLeaveForGood(source, start);
    if (verdict.risk === Risk.None && !storedCode.isKnown) return Risk.Resettable;
    return verdict.risk;
  }

  /**
   * Checks the statements against the current code of the database; the connection accepts no requests in the meantime.
   */
  read(connection: ServerConnection): void {
    const { storedCode } = this.#owner;
    connection.lease.pauseRequests();
    if (storedCode.isBeingRead) {
      this.#awaitReading(connection);
      return;
    }
    storedCode.read(connection, () => {
      if (this.#owner.connection !== connection) return;
      this.judge();
      this.#owner.resumeRequests();
    });
  }

  /** Another connection reads the catalog, and may include the effects of the statements. The wait is short. */
  #awaitReading(connection: ServerConnection): void {
    let isOver = false;
    const goOn = (isLate: boolean): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(late);
      if (this.#owner.connection !== connection) return;
      if (isLate || this.#areKnown()) this.judge();
      connection.lease.admitRequests();
      connection.settle();
      this.#owner.resumeRequests();
    };
    const late = setTimeout(() => guarded('a reading', () => goOn(true)), patience).unref();
    this.#owner.storedCode.whenRead(() => goOn(false));
  }

  /** A statement has the values in `chunk[start, end)`: the name of a parameter may be an argument of a function. */
  bound(chunk: Buffer, start: number, end: number): void {
    if (!this.hasSuspects && !this.hasUnchecked) return;
    this.#noteNames(chunk.toString('latin1', start, Math.min(end, start + longestValues)));
  }

  #noteNames(text: string): void {
    for (const name of dottedNamesIn(text)) {
      if (this.names.size >= mostNames) return;
      this.names.add(name);
    }
  }

  takeSuspects(): readonly Suspect[] {
    const suspects = this.#suspects;
    this.#suspects = [];
    this.#isCertain = false;
    this.names.clear();
    return suspects;
  }

  leaseEnded(): void {
    // A reading before the end of the transaction did not see the change.
    if (this.#changes) this.#owner.storedCode.outdate(this.#bringsFunctions);
    this.#changes = false;
    this.#bringsFunctions = false;
    this.#mayHaveSetPath = false;
  }

  /** The connection is lost, with what ran on it. */
  forget(): void {
    this.leaseEnded();
    this.#suspects = [];
    this.#isCertain = false;
    this.#unchecked = [];
    this.#moreAt = -Infinity;
  }

  /** The catalog has been read since the statements ran, as far as they show. */
  #areKnown(): boolean {
    const { storedCode } = this.#owner;
    return (
      storedCode.isKnown &&
      this.#unchecked.every(
        ({ effects, text }) => !storedCode.verdictOf(effects, text, 0, text.length).isNew,
      )
    );
  }

  /**
   * Checks the statements that ran against the known code of the database. What they ran may be unknown even now: then
   * no other session gets the connection, unless a reset removes whatever it may be.
   */
  judge(): void {
    const { storedCode } = this.#owner;
    for (const { effects, text, at } of this.#unchecked) {
      const verdict = storedCode.verdictOf(effects, text, 0, text.length);
      this.#take(verdict, effects, text, 0, text.length);
      if (verdict.risk === Risk.Lasting) this.#owner.mayLeaveForGood(text, 0);
      else if (this.#isHidden(verdict, at)) this.#owner.mayHaveLeftForGood();
    }
    if (this.#moreAt > -Infinity && this.#mayHideForeign) this.#owner.mayHaveLeftForGood();
    this.#unchecked = [];
    this.#moreAt = -Infinity;
  }

  /** Whether a statement that ran at `at` may have run a function that is not known, in a language that is not. */
  #isHidden({ isNew }: Verdict, at: number): boolean {
    const { storedCode } = this.#owner;
    if (!storedCode.isKnown) return isNew || storedCode.mayHideForeign;
    // It was not in the catalog after it ran: it does not exist, unless the session itself has dropped it.
    return isNew && (storedCode.verifiedFrom <= at || this.#bringsFunctions);
  }

  /** What was not kept may have run any function that exists now, that others have created, or that the session had. */
  get #mayHideForeign(): boolean {
    const { mayHideForeign, verifiedFrom } = this.#owner.storedCode;
    return mayHideForeign || verifiedFrom <= this.#moreAt || this.#bringsFunctions;
  }

  #take(verdict: Verdict, effects: Effects, source: Buffer, start: number, end: number): void {
    const { sets, unnamed, other, risk } = verdict;
    if (unnamed || other) {
      this.#suspect(effects, source, start, end, unnamed);
      this.#isCertain = true;
    } else if (has(effects.flags, Flag.Opaque)) {
      // Its effects are unknown, and no other text shows them.
      this.#suspect(effects, source, start, end, true);
    } else if (risk !== Risk.None && deservesProbe(effects)) {
      this.#suspect(effects, source, start, end, true);
      if (isKnownToLeave(effects)) this.#isCertain = true;
    }
    if (sets !== null) this.#owner.mayChange(sets, source, start);
  }

  #suspect(
    effects: Effects,
    source: Buffer,
    start: number,
    end: number,
    mayHaveSet: boolean,
  ): void {
    if (mayHaveSet) {
      const from = has(effects.flags, Flag.Opaque) ? start : firstQuote(source, start, end);
      this.#noteNames(source.toString('latin1', from, end));
    }
    if (this.#suspects.length >= mostSuspects) {
      // The newest is kept: a required probe is not forgotten.
      const last = this.#suspects.at(-1);
      if (last === undefined || last.mayHaveSet || !mayHaveSet) return;
      this.#suspects.pop();
    }
    this.#suspects.push({ effects, statement: normalizedOf(source, start, end), mayHaveSet });
  }
}

/** Where the first literal of a text may begin: what precedes it names columns, not parameters. */
function firstQuote(source: Buffer, start: number, end: number): number {
  for (let at = start; at < end; at++) if (source[at] === 0x27 || source[at] === 0x24) return at;
  return end;
}
