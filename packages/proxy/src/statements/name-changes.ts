import { isUtf8 } from 'node:buffer';
import { bodyAt, readErrorMessage } from '@sluice/wire';
import { has, mask } from '../distinct.ts';
import type { ClientNamedSink } from './client-named-statements.ts';
import type { Action, ReplyNote } from '../protocol/pending-replies.ts';
import { Flag } from '../sql/index.ts';
import type { Effect, Effects } from '../sql/index.ts';
import { ClientStatement } from './client-statement.ts';
import { meaningOn } from './meaning.ts';
import type { ReadUnder } from '../parameters/read-under.ts';
import { isAscii } from '../parameters/replay-sql.ts';
import { ensureClientNamed } from './client-named-statements.ts';
import type { SessionNames } from './session-names.ts';
import { SqlStatement } from './sql-statement.ts';
import type { Statement } from './statement.ts';

/** Effects of SQL that calls prepared statements by name, or changes names. */
export const usesNames: Flag = mask(Flag.Prepare, Flag.Execute, Flag.Deallocate, Flag.Discard);

/** A SQL text that uses names, its position, and its effects. */
export interface NamingText {
  readonly source: Buffer;
  readonly start: number;
  readonly end: number;
  readonly effects: Effects;
}

/** A name in SQL, in the form of the protocol: one character per byte. */
export function bytesOf(name: string): string {
  return Buffer.from(name).toString('latin1');
}

/** The text of a protocol-level statement. */
export function textOf({ parseMessage, backendName, effects }: Statement): NamingText {
  return {
    source: parseMessage,
    start: bodyAt(0) + backendName.length,
    end: parseMessage.length,
    effects,
  };
}

/** The statement that a text with a single EXECUTE calls; null for other texts. */
export function onlyCalled({ statements, details }: Effects): string | null {
  if (statements !== 1) return null;
  for (const effect of details) if (effect.kind === 'execute') return bytesOf(effect.name);
  return null;
}

/** How deep an EXECUTE of a prepared EXECUTE is followed; PostgreSQL has a limit too. */
const deepest = 8;

/** The statement of an EXECUTE that uses names itself: Parse accepts any statement, including PREPARE. */
function calledBy(effect: Effect, names: SessionNames): NamingText | null {
  if (effect.kind !== 'execute') return null;
  const named = names.get(bytesOf(effect.name));
  return named instanceof ClientStatement && has(named.effects.flags, usesNames)
    ? textOf(named.statement)
    : null;
}

/**
 * Creates the statements that a text names before it, with the session's names. Returns true if that took messages.
 * `ran` gets the effects of the EXECUTEs in it, and their texts if these are not known to be in this one.
 */
export function meetNames(
  connection: ClientNamedSink,
  names: SessionNames,
  { effects }: NamingText,
  action: Action,
  failure: ReplyNote | null,
  ran: (effects: Effects, text?: NamingText) => void,
  depth = 0,
): boolean {
  let met = false;
  for (const [at, effect] of effects.details.entries()) {
    const called = depth < deepest ? calledBy(effect, names) : null;
    if (called !== null && meetNames(connection, names, called, action, failure, ran, depth + 1))
      met = true;
    if (effect.kind === 'execute') {
      const name = bytesOf(effect.name);
      const beyondAscii = names.beyondAscii(name);
      const body = names.get(name)?.effects ?? preparedBefore(effects.details, at, effect.name);
      if (beyondAscii !== null) ran(beyondAscii.effects, beyondAscii);
      else if (body !== undefined) ran(body);
      if (ensureClientNamed(connection, names, name, false, action, failure)) met = true;
    } else if (effect.kind === 'prepare' || effect.kind === 'deallocate') {
      if (effect.name === undefined) continue;
      if (ensureClientNamed(connection, names, bytesOf(effect.name), true, action, failure))
        met = true;
    }
  }
  return met;
}

function preparedBefore(
  details: readonly Effect[],
  end: number,
  name: string,
): Effects | undefined {
  for (const effect of details.slice(0, end).toReversed())
    if (effect.kind === 'prepare' && effect.name === name) return effect.body;
  return undefined;
}

/** One change of a name, at the end of the statement at this position of the text. */
interface NameChange {
  readonly position: number;
  readonly effect: Effect;
  /** For a PREPARE, the statement that it creates. */
  readonly made: SqlStatement | null;
}

/** The changes of the session's names by SQL statements, applied when each is complete. Names are not rolled back. */
export class NameChanges implements ReplyNote {
  readonly #connection: ClientNamedSink;
  readonly #names: SessionNames;
  readonly #statements: number;
  readonly #changes: NameChange[] = [];
  #done = 0;
  /** Why a statement could not be prepared for the text. */
  #failure: Buffer | null = null;

  constructor(connection: ClientNamedSink, names: SessionNames, text: NamingText) {
    this.#connection = connection;
    this.#names = names;
    this.#statements = text.effects.statements;
    this.#collect(text, null, 0);
  }

  /** `callPosition`: the position of the EXECUTE that calls the text; null: the text itself. */
  #collect(text: NamingText, callPosition: number | null, depth: number): void {
    const { details, positions, flags } = text.effects;
    if (!has(flags, usesNames)) return;
    for (const [at, effect] of details.entries()) {
      const position = callPosition ?? positions[at] ?? 0;
      const called = depth < deepest ? calledBy(effect, this.#names) : null;
      if (called !== null) this.#collect(called, position, depth + 1);
      else if (changesName(effect)) {
        if (effect.kind === 'prepare' && !isAscii(effect.name))
          this.#names.preparedBeyondAscii(text.source, text.start, text.end, effect.body);
        this.#changes.push({
          position,
          effect,
          made: madeBy(effect, text, meaningOn(this.#connection, true)),
        });
      }
    }
  }

  /** Whether names change. */
  get any(): boolean {
    return this.#changes.length > 0;
  }

  /** A PREPARE that cannot be run again on another connection. */
  get keepsConnection(): boolean {
    return this.#changes.some(({ made }) => made !== null && !made.isTracked);
  }

  /** The note of what is prepared before the text: its error is the error of the text. */
  readonly preparation: ReplyNote = {
    undo: () => undefined,
    failed: (chunk, at, next) => {
      this.#failure ??= Buffer.from(chunk.subarray(at, next));
      return null;
    },
  };

  counted(): null {
    this.#apply(this.#done++);
    return null;
  }

  completed(): void {
    while (this.#done < Math.max(1, this.#statements)) this.counted();
  }

  undo(): void {
    // A completed PREPARE stays.
  }

  /** A statement that could not be prepared is missing now: the client gets the reason. */
  failed(chunk: Buffer, at: number, next: number): Buffer | null {
    const failure = this.#failure;
    if (failure === null) return null;
    const { sqlstate } = readErrorMessage(chunk, at, next);
    if (sqlstate !== '26000' && sqlstate !== '25P02') return null;
    // Refused because the transaction had failed before: so was the text.
    return readErrorMessage(failure, 0, failure.length).sqlstate === '25P02' ? null : failure;
  }

  #apply(position: number): void {
    for (const { effect, made, position: at } of this.#changes) {
      if (at !== position) continue;
      if (effect.kind === 'prepare') {
        if (made === null || !isAscii(effect.name)) continue;
        const name = bytesOf(effect.name);
        this.#names.put(name, made);
        this.#connection.state.clientNamedOf(this.#names).byName.set(name, made);
      } else if (effect.kind === 'deallocate' && effect.name !== undefined) {
        const name = bytesOf(effect.name);
        this.#names.delete(name);
        this.#connection.state.clientNamed?.byName.delete(name);
      } else {
        this.#names.clear();
        this.#connection.state.clientNamedClosed();
        this.#connection.state.statements.clear();
      }
    }
  }
}

function changesName(effect: Effect): boolean {
  return (
    effect.kind === 'prepare' ||
    effect.kind === 'deallocate' ||
    (effect.kind === 'discard' && effect.what === 'all')
  );
}

function madeBy(
  effect: Effect,
  { source, start, end }: NamingText,
  readUnder: ReadUnder,
): SqlStatement | null {
  if (effect.kind !== 'prepare') return null;
  // If the text is not UTF-8, the statement positions of the parser are wrong.
  const isClear = isUtf8(source.subarray(start, end));
  const from = isClear ? start + effect.start : start;
  const to = isClear ? start + effect.end : end;
  // Error positions are in characters: the text before the statement is kept as spaces.
  const before = ' '.repeat(source.toString('utf8', start, from).length);
  const text = before + source.toString('latin1', from, to);
  return new SqlStatement(text, effect.body, isClear && isAscii(effect.name), readUnder);
}
