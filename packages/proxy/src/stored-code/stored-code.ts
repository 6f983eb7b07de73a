import type { ServerConnection } from '../backend/server-connection.ts';
import { clock } from '../io/clock.ts';
import { ByteCache, Flag, effectsOf, hashBytes, unionOf, wordsIn } from '../sql/index.ts';
import type { Effects, SideEffects } from '../sql/index.ts';
import type { CodeKnowledge } from './code-knowledge.ts';
import { StoredCodeReader } from './stored-code-reader.ts';
import { Risk } from './stored-code-sql.ts';

/** Words of DDL that may change what code there is, or what runs it. */
const codeWords =
  /\b(?:function|procedure|routine|aggregate|operator|cast|trigger|view|rule|policy|extension|language|default|generated|inherits?|partition|references|schema|check|domain|type|index|statistics|transform|foreign|server)\b/i;

/** How often the catalogue is asked whether it has changed while the pool is used, in milliseconds. */
const interval = 1000;
/** After DDL of a client's it is asked earlier, but no sooner than this after the last time. */
const soonest = 250;
/** It is asked more seldom where that takes long: so many times as long as it took, at least. */
const restPerTime = 50;
/**
 * Leases a second that begin with a reset although nothing says that they need one: the catalogue has not been asked since.
 * Beyond, it is believed that what was so a second ago is so: that bounds what resets cost a busy proxy.
 */
const extraResetsPerSecond = 300;
/** The part of its time that a server may spend on readings for which clients wait, and what it may spend at once, in milliseconds. */
const share = 0.2;
const burst = 2000;
/** Bytes of statements whose verdict is remembered. */
const remembered = 1024 * 1024;

/** Statements of which the text does not show what they run. */
const runsCode = Flag.UnknownFunction | Flag.Procedure | Flag.Do | Flag.Opaque;
/** The same, and those that may run code without calling it. */
const mayRunCode = runsCode | Flag.Writes;
/** Statements whose effects no text proves: what EXECUTE runs, what DDL makes temporary by its path. */
const unproven = Flag.Do | Flag.Opaque | Flag.Execute | Flag.Ddl;

/** What a statement may leave by code that it runs. */
export interface Verdict {
  /** How much of it is not proven. */
  readonly risk: Risk;
  /** The parameters that it may set, as a statement that does nothing else. */
  readonly sets: Effects | null;
  /** It may set further ones, which nothing names. */
  readonly unnamed: boolean;
  /** It may leave something else that a probe can find. */
  readonly other: boolean;
  /** It calls something that the catalogue did not have when it was read. */
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
 * The code that is stored in one database, and what the statements that run it leave in a session. A statement is proven
 * when the catalogue has been read, and neither the statement nor anything that PostgreSQL may run for it can leave anything
 * that is not read back. All else is unproven: another session gets the server connection only after a reset.
 *
 * The catalogue is read between leases, off the way of clients; until it is read, everything is unproven.
 */
export class StoredCode {
  /** Moves on when what was proven may be so no more. */
  edition = 1;
  /** When the catalogue was last asked, and had what is known, in clock milliseconds. */
  verifiedFrom = -Infinity;
  readonly #reader = new StoredCodeReader();
  #knowledge: CodeKnowledge | null = null;
  #isReading = false;
  /** Called when the reading under way has ended. */
  #whenRead: (() => void)[] = [];
  /** In clock milliseconds. */
  #askedAt = -Infinity;
  #took = 0;
  /** What readings have taken, less what was earned since, in milliseconds. */
  #spent = 0;
  /** A client's DDL may have changed something since the catalogue was asked. */
  #outdated = false;
  /** Counts such changes. */
  #changes = 0;
  #verdicts = new ByteCache<Verdict>(remembered);
  /** How many doubtful leases may still begin with a reset, and as of when. */
  #extraResetsLeft = extraResetsPerSecond;
  #extraResetsAt = 0;

  /** The catalogue has been read, and nothing is known to have changed since. */
  get isKnown(): boolean {
    return this.#knowledge !== null && !this.#outdated;
  }

  /** The catalogue can be asked at once, though clients wait for it. */
  get canBeRead(): boolean {
    return !this.#isReading && this.#spent - share * (clock.now - this.#askedAt) < burst;
  }

  /** The catalogue is being asked. */
  get isBeingRead(): boolean {
    return this.#isReading;
  }

  /** Calls `ended` once, when the reading under way has ended, however it ends. */
  whenRead(ended: () => void): void {
    this.#whenRead.push(ended);
  }

  /** It is time to ask the catalogue. */
  get isDue(): boolean {
    if (this.#isReading) return false;
    const age = clock.now - this.#askedAt;
    if (age < Math.max(soonest, restPerTime * this.#took)) return false;
    return this.#outdated || this.#knowledge === null || age >= interval;
  }

  /** It has been time for long: clients may wait for it. */
  get isOverdue(): boolean {
    return this.isDue && clock.now - this.#askedAt > 3 * interval + restPerTime * this.#took;
  }

  /** Nothing that statements with these flags run can leave anything, whatever they name. */
  proves(flags: number): boolean {
    const knowledge = this.#knowledge;
    if (knowledge === null || this.#outdated || (flags & (runsCode | unproven)) !== 0) return false;
    return knowledge.isPlain;
  }

  /**
   * Whether a lease that begins now goes without a reset, though the session before ended its lease at `endedAt` (clock
   * milliseconds) and the catalogue was not asked since whether code had changed.
   */
  isTrusted(endedAt: number): boolean {
    if (this.verifiedFrom > endedAt) return true;
    const { now } = clock;
    if (now - this.#extraResetsAt >= 1000) {
      this.#extraResetsAt = now;
      this.#extraResetsLeft = extraResetsPerSecond;
    }
    if (this.#extraResetsLeft > 0) {
      this.#extraResetsLeft--;
      return false;
    }
    return now - this.verifiedFrom < Math.max(3 * interval, 2 * restPerTime * this.#took);
  }

  /** Code may have been changed by a client of the pool: nothing is proven until the catalogue has been asked. */
  outdate(): void {
    this.#outdated = true;
    this.#changes++;
    this.edition++;
  }

  /** Whether DDL with this text may change what code there is, or what runs it. */
  isChangedBy({ flags, details }: Effects, text: Buffer): boolean {
    if (codeWords.test(text.toString('latin1'))) return true;
    return this.#judge(flags & ~unproven, details, text).risk !== Risk.None;
  }

  /** What the statement in `source[start, end)` may leave by code that it runs. */
  verdictOf({ flags, details }: Effects, source: Buffer, start: number, end: number): Verdict {
    if (this.#provesText(flags, source, start, end)) return proven;
    const hash = hashBytes(source, start, end);
    let verdict = this.#verdicts.get(hash, source, start, end);
    if (verdict === undefined) {
      verdict = this.#judge(flags, details, source.subarray(start, end));
      this.#verdicts.set(hash, source, start, end, verdict);
    }
    return verdict;
  }

  /** A statement whose flags show all that it calls, and which mentions nothing risky: what `#judge` would find. */
  #provesText(flags: number, source: Buffer, start: number, end: number): boolean {
    const knowledge = this.#knowledge;
    if (knowledge === null || (flags & (runsCode | unproven)) !== 0) return false;
    if (knowledge.any !== Risk.None || knowledge.types !== Risk.None) return false;
    return !knowledge.risky.mayMention(source, start, end);
  }

  #judge(flags: number, details: Effects['details'], text: Buffer): Verdict {
    const knowledge = this.#knowledge;
    const words = wordsIn(text);
    let risk: Risk = (flags & unproven) === 0 ? Risk.None : this.#riskOfText(flags, text);
    if (knowledge === null) return { ...proven, risk: Math.max(risk, Risk.Resettable) as Risk };
    const worsen = (other: Risk): void => {
      if (other > risk) risk = other;
    };
    worsen(knowledge.any);
    if ((flags & runsCode) !== 0) worsen(knowledge.operators);
    if (text.includes(0x24)) worsen(knowledge.types);
    const allSideEffects: SideEffects[] = [];
    for (const risky of knowledge.risky.find(words)) {
      if (risky.onlyWrites && (flags & (mayRunCode | unproven)) === 0) continue;
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

  /** What a text may leave that is not read as SQL, or that runs what it does not show. */
  #riskOfText(flags: number, text: Buffer): Risk {
    if ((flags & (Flag.Do | Flag.Opaque)) === 0) return Risk.Resettable;
    return this.#reader.riskOfText(text, this.#knowledge?.dynamic ?? Risk.Resettable);
  }

  /** Asks the catalogue, on a connection that runs nothing else; `done` follows unless the connection is lost. */
  read(connection: ServerConnection, done: () => void): void {
    const changes = this.#changes;
    const started = performance.now();
    const from = clock.now;
    this.#isReading = true;
    this.#spent = Math.max(0, this.#spent - share * (from - this.#askedAt));
    this.#askedAt = from;
    // It takes several questions: nobody gets the connection between them.
    connection.isAsked = true;
    this.#reader.read(connection, (knowledge, isLost) => {
      this.#isReading = false;
      this.#took = performance.now() - started;
      this.#spent += this.#took;
      if (!isLost) {
        if (knowledge === null) this.outdate();
        else this.#take(knowledge, from, changes === this.#changes);
        // Who waits for the answer acts on it before the connection is anybody's.
        done();
        connection.isAsked = false;
      }
      const waiting = this.#whenRead;
      this.#whenRead = [];
      for (const ended of waiting) ended();
    });
  }

  /** `isCurrent`: nothing was changed by a client of the pool while the catalogue was asked. */
  #take(knowledge: CodeKnowledge, from: number, isCurrent: boolean): void {
    const before = this.#knowledge;
    this.#knowledge = knowledge;
    if (before !== knowledge) this.#verdicts = new ByteCache(remembered);
    // What ran since the catalogue was last asked was judged by what was so no more.
    if (before !== null && before.key !== knowledge.key) this.edition++;
    if (!isCurrent) return;
    this.#outdated = false;
    this.verifiedFrom = from;
  }
}
