import type { DatabaseConnection } from '../backend/database-connection.ts';
import { ProxyRequest } from '../backend/proxy-request.ts';
import type { ProxyAnswer } from '../backend/proxy-request.ts';
import { clock } from '../relay/clock.ts';
import { ByteCache, Flag, effectsOf, hashBytes, traceOf, unionOf } from '../sql/index.ts';
import type { Effects, Trace } from '../sql/index.ts';
import { events } from '../telemetry/events.ts';
import { callersSql, decode, leavingFunctionsSql, relationsSql } from './stored-code-sql.ts';

/** How long what was read is believed, in milliseconds: others change a database too. */
const believed = 60_000;
/** As long as that it is believed even when new statements come, which may call what is new. */
const believedAtLeast = 1000;
/** A database with very much code is read more seldom: it is believed for so many times what reading took, at least. */
const restPerTime = 100;
/** Functions that call functions that call others … are followed so far. */
const deepest = 8;
/** So many functions are read, and no more: what is beyond is known only by what it leaves. */
const most = 2000;
/** Bytes of statements whose trace is remembered. */
const remembered = 1024 * 1024;

/** Statements of which the text does not show what they run. */
const runsCode = Flag.UnknownFunction | Flag.Procedure | Flag.Do | Flag.Opaque;
/** The same, and those that may run code without calling it. */
const mayRunCode = runsCode | Flag.Writes;

/** Texts of DDL that may change what code there is, or what runs it. */
const changesCode =
  /\b(?:create|alter|import)\b[^]*\b(?:function|procedure|trigger|view|rule|policy|extension|default|inherits?|partition|references|schema|check)\b/i;

/** What a statement may leave by stored code that it runs. */
export interface Leaving {
  /** The parameters that it may set, as a statement that does nothing else. */
  readonly sets: Effects | null;
  /** It may set further ones, which nothing names. */
  readonly unnamed: boolean;
  /** It may leave something else. */
  readonly other: boolean;
}

/** A function or relation that stands out, in the words that are looked for. */
interface Named {
  readonly name: string;
  trace: Trace;
  /** Only statements that write run the code. */
  readonly onlyWrites: boolean;
}

interface StoredFunction extends Named {
  readonly oid: string;
  readonly body: string;
}

/**
 * The code that is stored in one database and that may leave something in a session: functions, procedures, and relations
 * whose triggers, rules, defaults, constraints or policies call them. Statements that name one of them are treated as what
 * it does. What C code does, and what code puts together as it runs, is not known here.
 */
export class StoredCode {
  /** In clock milliseconds. */
  #readAt = -Infinity;
  /** The same, exactly. */
  #readExactly = -Infinity;
  /** How long reading took, in milliseconds. */
  #took = 0;
  /** From then on any statement finds it stale, in clock milliseconds. */
  #staleAfter = -Infinity;
  #isReading = false;
  /** Counts changes: what was asked for before one of them is not believed. */
  #changes = 0;
  #traces = new Map<string, Named>();
  /** Any of the names; null when there is none. */
  #names: RegExp | null = null;
  #hasRelations = false;
  /** By the text of a statement. */
  #known = new ByteCache<Leaving | 'nothing'>(remembered);

  /** It is time to read what is stored, before it counts as stale. */
  get isDue(): boolean {
    return !this.#isReading && clock.now - this.#readAt > this.#believed;
  }

  /**
   * The database must be asked before anyone else gets the connection, on account of a statement that was first met at
   * `met`, in milliseconds of `performance.now()`.
   */
  isStale(met: number): boolean {
    const age = clock.now - this.#readAt;
    if (age <= Math.max(believedAtLeast, restPerTime * this.#took)) return false;
    return clock.now > this.#staleAfter || this.#readExactly < met;
  }

  get #believed(): number {
    return Math.max(believed, 10 * restPerTime * this.#took);
  }

  /** Whether a statement with these flags may run any of it, or change it. */
  concerns(flags: number): boolean {
    if ((flags & (runsCode | Flag.Ddl)) !== 0) return true;
    const runs = (flags & Flag.Writes) !== 0 ? this.#names !== null : this.#hasRelations;
    return runs || clock.now > this.#staleAfter;
  }

  /** DDL runs, or has been committed. Returns whether it may change what is stored here. */
  mayChange(text: string): boolean {
    const changes = changesCode.test(text);
    if (changes) this.outdate();
    return changes;
  }

  outdate(): void {
    this.#changes++;
    this.#readAt = -Infinity;
    this.#staleAfter = -Infinity;
  }

  /** What the statement in `source[start, end)` may leave by code that it runs; null when nothing is known. */
  leavingOf({ flags }: Effects, source: Buffer, start: number, end: number): Leaving | null {
    if (this.#names === null) return null;
    const hash = hashBytes(source, start, end);
    let leaving = this.#known.get(hash, source, start, end);
    if (leaving === undefined) {
      leaving = this.#find(flags, source.toString('utf8', start, end)) ?? 'nothing';
      this.#known.set(hash, source, start, end, leaving);
    }
    return leaving === 'nothing' ? null : leaving;
  }

  #find(flags: number, text: string): Leaving | null {
    const mentioned: Trace[] = [];
    for (const [word] of text.matchAll(this.#names ?? /$^/g)) {
      const named = this.#traces.get(word.toLowerCase());
      if (named !== undefined && (!named.onlyWrites || (flags & mayRunCode) !== 0))
        mentioned.push(named.trace);
    }
    const { parameters, unnamed, other } = unionOf(mentioned);
    if (parameters.size === 0 && !unnamed && !other) return null;
    const effect = { kind: 'parameter', names: [...parameters], local: false } as const;
    return {
      sets: parameters.size === 0 ? null : effectsOf(Flag.SetsParameter, 1, [effect]),
      unnamed,
      other,
    };
  }

  /**
   * Reads the catalogue, on a connection that runs nothing else; `done` follows unless the connection is lost. What cannot
   * be read is as if it were not there.
   */
  read(connection: DatabaseConnection, done: () => void): void {
    const functions: StoredFunction[] = [];
    const relations = new Map<string, Named>();
    const changes = this.#changes;
    this.#isReading = true;
    const take = (): void => {
      this.#take(functions, [...relations.values()]);
      this.#readAt = changes === this.#changes ? clock.now : -Infinity;
      this.#readExactly = started;
      this.#isReading = false;
      this.#took = performance.now() - started;
      this.#staleAfter = this.#readAt + 2 * this.#believed;
      done();
    };
    const started = performance.now();
    const ask = (sql: string, next: (answer: ProxyAnswer) => void): void =>
      connection.run(
        sql,
        new ProxyRequest((answer) => {
          if (answer.lost) {
            this.#isReading = false;
            return;
          }
          if (answer.error === null) next(answer);
          else {
            events.storedCodeUnread.publish({ error: answer.error.message ?? '' });
            take();
          }
        }),
      );
    const takeFunctions = (depth: number, { rows }: ProxyAnswer): void => {
      for (const [oid, name, body] of rows) {
        if (typeof oid !== 'string' || typeof name !== 'string' || typeof body !== 'string')
          continue;
        const text = decode(body);
        functions.push({
          oid,
          name: decode(name),
          body: text,
          trace: traceOf(text),
          onlyWrites: false,
        });
      }
      if (rows.length === 0 || depth === deepest || functions.length > most) {
        take();
        return;
      }
      ask(relationsSql(functions), (answer) => {
        for (const [name, reads] of answer.rows) {
          if (typeof name !== 'string') continue;
          const found = decode(name);
          relations.set(found, { name: found, trace: nothing, onlyWrites: reads !== 't' });
        }
        ask(callersSql(functions, relations.keys(), most + 1), (callers) =>
          takeFunctions(depth + 1, callers),
        );
      });
    };
    ask(leavingFunctionsSql(most + 1), (answer) => takeFunctions(0, answer));
  }

  #take(functions: readonly StoredFunction[], relations: readonly Named[]): void {
    this.#known = new ByteCache(remembered);
    this.#hasRelations = relations.some(({ onlyWrites }) => !onlyWrites);
    spread(functions, functions);
    // Which of them a relation runs is not asked.
    const all = unionOf(functions.map(({ trace }) => trace));
    for (const relation of relations) relation.trace = all;
    spread(functions, [...functions, ...relations]);
    const traces = new Map<string, Named>();
    for (const { name, trace, onlyWrites } of [...relations, ...functions]) {
      const key = name.toLowerCase();
      const before = traces.get(key);
      // Bodies are not kept.
      traces.set(key, {
        name,
        trace: before === undefined ? trace : unionOf([before.trace, trace]),
        onlyWrites: onlyWrites && before?.onlyWrites !== false,
      });
    }
    this.#traces = traces;
    this.#names = traces.size === 0 ? null : wordsOf(traces.keys());
  }
}

const nothing: Trace = { parameters: new Set(), unnamed: false, other: false };

/** A function leaves what those leave that its body names: until there is nothing new. */
function spread(functions: readonly StoredFunction[], named: readonly Named[]): void {
  const byName = Map.groupBy(named, ({ name }) => name.toLowerCase());
  const words = wordsOf(byName.keys());
  const calls = new Map(
    functions.map((caller) => [
      caller,
      [...caller.body.matchAll(words)].flatMap(([word]) => byName.get(word.toLowerCase()) ?? []),
    ]),
  );
  for (let round = 0; round <= deepest; round++)
    for (const [caller, called] of calls)
      caller.trace = unionOf([caller.trace, ...called.map(({ trace }) => trace)]);
}

/** Matches any of these words, also between quotes or behind a dot. */
function wordsOf(names: Iterable<string>): RegExp {
  const words = [...names].map((name) => RegExp.escape(name)).join('|');
  return new RegExp(`(?<![\\w$\\u0080-\\uffff])(?:${words})(?![\\w$\\u0080-\\uffff])`, 'gi');
}
