import { has, mask, without } from '../distinct.ts';
import type { ServerConnection } from '../backend/server-connection.ts';
import { clock } from '../io/clock.ts';
import { ByteCache, Flag, effectsOf, hashBytes, unionOf, wordsIn } from '../sql/index.ts';
import type { Effects, SideEffects } from '../sql/index.ts';
import type { CodeKnowledge } from './code-knowledge.ts';
import { StoredCodeReader } from './stored-code-reader.ts';
import { Risk, worstOf } from './stored-code-sql.ts';
import { TurnRate } from './turn-rate.ts';

/** Words of DDL that may change code, or what runs it. */
const codeWords =
  /\b(?:function|procedure|routine|aggregate|operator|cast|trigger|view|rule|policy|extension|language|default|generated|inherits?|partition|references|schema|check|domain|type|index|statistics|transform|foreign|server)\b/i;

/** The interval of catalog queries while the pool is in use, in milliseconds. */
const interval = 1000;
/** After DDL of a client the query runs earlier, but not sooner than this after the last one. */
const soonest = 250;
/** If a query takes long, the interval is at least this many times its duration. */
const restPerTime = 50;
/**
 * The share of its time that a server can spend on readings for which clients wait, and the maximum at once, in
 * milliseconds.
 */
const share = 0.2;
const burst = 2000;
/** The maximum total length of statements with a cached verdict. */
const remembered = 1024 * 1024;

/** Statements whose text does not show what they run. */
const runsCode = mask(Flag.UnknownFunction, Flag.Procedure, Flag.Do, Flag.Opaque);
/** The same, and those that may run code without calling it. */
const mayRunCode = mask(runsCode, Flag.Writes);
/** Statements that contain their own code. */
const bringsCode = mask(Flag.Do, Flag.Opaque);
/**
 * Statements whose effects no text proves: EXECUTE, and DDL that creates temporary objects because of the search_path.
 */
const unproven = mask(Flag.Do, Flag.Opaque, Flag.Execute, Flag.Ddl);
const mayRunUnproven = mask(mayRunCode, unproven);

/** Words of DDL that may create or replace functions. */
const functionWords =
  /\b(?:function|procedure|routine|aggregate|operator|cast|extension|language|type|transform|foreign|server)\b/i;

/** The possible side effects of a statement through code that it runs. */
export interface Verdict {
  /** How much of the side effects is unproven. */
  readonly risk: Risk;
  /** The parameters that it may set, as the effects of a statement. */
  readonly sets: Effects | null;
  /** It may set further parameters with unknown names. */
  readonly unnamed: boolean;
  /** It may have other side effects that a probe can find. */
  readonly other: boolean;
  /** It calls something that was not in the catalog at the last reading. */
  readonly isNew: boolean;
}

const proven: Verdict = Object.freeze({
  risk: Risk.None,
  sets: null,
  unnamed: false,
  other: false,
  isNew: false,
});

/**
 * The stored code of one database, and the side effects of statements that run it. A statement is proven if the catalog
 * has been read, and neither the statement nor anything that PostgreSQL may run for it has side effects that are not
 * read back. Everything else is unproven: another session gets the server connection only after a reset.
 *
 * The catalog is read between leases, so that clients do not wait; until it is read, everything is unproven.
 */
export class StoredCode {
  /** Increases when a proof may no longer hold. */
  edition = 1;
  /** When the catalog was last queried and confirmed the knowledge, in clock milliseconds. */
  verifiedFrom = -Infinity;
  readonly #reader = new StoredCodeReader();
  #knowledge: CodeKnowledge | null = null;
  #isReading = false;
  /** Called when the running reading has ended. */
  #whenRead: (() => void)[] = [];
  /** In clock milliseconds. */
  #queriedAt = -Infinity;
  #took = 0;
  /** The time spent on readings, minus the share earned since, in milliseconds. */
  #spent = 0;
  /** DDL of a client may have changed something since the last query. */
  #outdated = false;
  /** It may have created or replaced functions. */
  #hasNewFunctions = false;
  /** Counts such changes. */
  #changes = 0;
  #verdicts = new ByteCache<Verdict>(remembered);
  readonly #turnRate = new TurnRate();

  /** The catalog has been read, and no change since is known. */
  get isKnown(): boolean {
    return this.#knowledge !== null && !this.#outdated;
  }

  /** Code that is not known may leave state that no reset removes: it may be a function in another language. */
  get mayHideForeign(): boolean {
    const knowledge = this.#knowledge;
    return knowledge === null || knowledge.dynamic === Risk.Lasting || this.#hasNewFunctions;
  }

  /** The catalog can be queried immediately, even while clients wait. */
  get canBeRead(): boolean {
    return !this.#isReading && this.#spent - share * (clock.now - this.#queriedAt) < burst;
  }

  /** The catalog is being queried. */
  get isBeingRead(): boolean {
    return this.#isReading;
  }

  /** Calls `ended` once, when the running reading has ended, successfully or not. */
  whenRead(ended: () => void): void {
    this.#whenRead.push(ended);
  }

  /** The next query is due. */
  get isDue(): boolean {
    if (this.#isReading) return false;
    const age = clock.now - this.#queriedAt;
    if (age < Math.max(soonest, restPerTime * this.#took)) return false;
    return this.#outdated || this.#knowledge === null || age >= interval;
  }

  /** The query is so overdue that clients may wait for it. */
  get isOverdue(): boolean {
    return this.isDue && clock.now - this.#queriedAt > 3 * interval + restPerTime * this.#took;
  }

  /** Statements with these flags can have no side effects, whatever they name. */
  proves(flags: Flag): boolean {
    const knowledge = this.#knowledge;
    if (knowledge === null || this.#outdated || (flags & (runsCode | unproven)) !== 0) return false;
    return knowledge.isPlain;
  }

  /**
   * Whether a lease that begins now needs no reset, although the previous session ended its lease at `endedAt` (clock
   * milliseconds) and the catalog has not been queried since. If sessions take turns often, the knowledge of a second
   * ago is trusted: resets would be most of a busy proxy's work.
   */
  isTrusted(endedAt: number): boolean {
    if (this.verifiedFrom > endedAt) return true;
    this.#turnRate.count();
    return this.trustsTurns;
  }

  /** Whether all code that this read may run is known, and has no side effects. */
  provesRead(effects: Effects, source: Buffer, start: number, end: number): boolean {
    if (!this.isKnown) return false;
    if (this.proves(effects.flags)) return true;
    const { risk, sets, unnamed, other, isNew } = this.verdictOf(effects, source, start, end);
    return risk === Risk.None && sets === null && !unnamed && !other && !isNew;
  }

  /**
   * Sessions take turns on connections without resets: they do so often, and the catalog was queried recently. See
   * `isTrusted`.
   */
  get trustsTurns(): boolean {
    return (
      this.#turnRate.isHigh &&
      clock.now - this.verifiedFrom < Math.max(3 * interval, 2 * restPerTime * this.#took)
    );
  }

  /** A session takes a turn on a shared lease. */
  turnTaken(): void {
    this.#turnRate.count();
  }

  /**
   * A client of the pool may have changed code: nothing is proven until the catalog has been queried.
   * `hasNewFunctions`: it may have created or replaced functions.
   */
  outdate(hasNewFunctions = true): void {
    this.#outdated = true;
    this.#hasNewFunctions ||= hasNewFunctions;
    this.#changes++;
    this.edition++;
  }

  /** Whether DDL with this text may change code, or what runs it. */
  isChangedBy({ flags, details }: Effects, text: Buffer): boolean {
    if (codeWords.test(text.toString('latin1'))) return true;
    return this.#judge(without(flags, unproven), details, text).risk !== Risk.None;
  }

  /** Whether such DDL may create or replace functions. */
  bringsFunctions({ flags }: Effects, text: Buffer): boolean {
    return has(flags, mayRunUnproven) || functionWords.test(text.toString('latin1'));
  }

  /** The possible side effects of the statement in `source[start, end)` through code that it runs. */
  verdictOf(effects: Effects, source: Buffer, start: number, end: number): Verdict {
    if (this.#provesText(effects, source, start, end)) return proven;
    const { flags, details } = effects;
    const hash = hashBytes(source, start, end);
    let verdict = this.#verdicts.get(hash, source, start, end);
    if (verdict === undefined) {
      verdict = this.#judge(flags, details, source.subarray(start, end));
      this.#verdicts.set(hash, source, start, end, verdict);
    }
    return verdict;
  }

  /** A statement whose flags show all its calls, and that names nothing risky: the result that `#judge` would have. */
  #provesText(effects: Effects, source: Buffer, start: number, end: number): boolean {
    const knowledge = this.#knowledge;
    if (knowledge === null || (effects.flags & (runsCode | unproven)) !== 0) return false;
    if (knowledge.any !== Risk.None || knowledge.types !== Risk.None) return false;
    const { risky } = knowledge;
    const { template } = effects;
    return template === null
      ? !risky.mayMention(source, start, end)
      : !template.mayMention(risky, source, start, end);
  }

  #judge(flags: Flag, details: Effects['details'], text: Buffer): Verdict {
    const knowledge = this.#knowledge;
    const words = wordsIn(text);
    let risk: Risk = !has(flags, unproven) ? Risk.None : this.#riskOfText(flags, text);
    if (knowledge === null) return { ...proven, risk: worstOf(risk, Risk.Resettable) };
    const worsen = (other: Risk): void => {
      if (other > risk) risk = other;
    };
    worsen(knowledge.any);
    if (has(flags, runsCode)) worsen(knowledge.operators);
    if (text.includes(0x24)) worsen(knowledge.types);
    const allSideEffects: SideEffects[] = [];
    for (const risky of knowledge.risky.find(words)) {
      if (risky.onlyWrites && !has(flags, mayRunUnproven)) continue;
      if (risky.isOwn && words.hasEscapedNames) continue;
      worsen(risky.risk);
      allSideEffects.push(risky.sideEffects);
    }
    const { parameters, unnamed, other } = unionOf(allSideEffects);
    const isNew = details.some(
      (effect) => effect.kind === 'unknown call' && !this.#isCalled(knowledge, effect.name),
    );
    if (isNew) worsen(Risk.Resettable);
    return {
      risk,
      sets:
        parameters.size === 0
          ? null
          : effectsOf(Flag.SetsParameter, 1, [
              { kind: 'parameter', names: [...parameters], local: false },
            ]),
      unnamed,
      other,
      isNew,
    };
  }

  #isCalled(knowledge: CodeKnowledge, name: string): boolean {
    const last = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
    return knowledge.functions.has(Buffer.from(last).toString('latin1'));
  }

  /** The possible side effects of a text that is not parsed as SQL, or that runs hidden code. */
  #riskOfText(flags: Flag, text: Buffer): Risk {
    if (!has(flags, bringsCode)) return Risk.Resettable;
    return this.#reader.riskOfText(text, this.#knowledge?.dynamic ?? Risk.Resettable);
  }

  /** Queries the catalog, on a connection that runs nothing else; `done` follows unless the connection is lost. */
  read(connection: ServerConnection, done: () => void): void {
    const changes = this.#changes;
    const started = performance.now();
    const from = clock.now;
    this.#isReading = true;
    this.#spent = Math.max(0, this.#spent - share * (from - this.#queriedAt));
    this.#queriedAt = from;
    // It takes several queries: no session gets the connection between them.
    connection.isReserved = true;
    this.#reader.read(connection, (knowledge, isLost) => {
      this.#isReading = false;
      this.#took = performance.now() - started;
      this.#spent += this.#took;
      if (!isLost) {
        if (knowledge === null) this.outdate();
        else this.#take(knowledge, from, changes === this.#changes);
        // The waiting callbacks run before a session gets the connection.
        done();
        connection.isReserved = false;
      }
      const waiting = this.#whenRead;
      this.#whenRead = [];
      for (const ended of waiting) ended();
    });
  }

  /** `isCurrent`: no client of the pool changed code during the query. */
  #take(knowledge: CodeKnowledge, from: number, isCurrent: boolean): void {
    const before = this.#knowledge;
    this.#knowledge = knowledge;
    if (before !== knowledge) this.#verdicts = new ByteCache(remembered);
    // Statements since the last query were checked against outdated knowledge.
    if (before !== null && before.key !== knowledge.key) this.edition++;
    if (!isCurrent) return;
    this.#outdated = false;
    this.#hasNewFunctions = false;
    this.verifiedFrom = from;
  }
}
