import { inLowerCase } from '../sql/index.ts';
import { ParameterSet, isCustom } from './parameter-set.ts';
import { isAscii } from './replay-sql.ts';

/** Sets that no session has any more are kept up to this number, so that reconnecting clients find theirs. */
const unusedKept = 500;

/** A literal that may be the name of a custom parameter: `'app.user_id'`. */
const customName = /'([a-z_][\w$]*(?:\.[a-z_][\w$]*)+)'/gi;

/** The parameter sets of one pool. */
export class ParameterSets {
  readonly #sets = new Map<string, ParameterSet>();
  /** The sets of lists that were asked for before, by identity: clients that send the same startup packet share one. */
  readonly #byList = new WeakMap<object, ParameterSet>();
  /** Custom parameters that sessions of the pool have set; the database does not list them. */
  readonly customNames = new Set<string>();
  /** Moves on when the database reports a change of its own. */
  #version = 0;

  /** The set with these values. Names are taken without regard to case, as PostgreSQL does; the last value wins. */
  acquire(values: Iterable<readonly [string, string]>): ParameterSet {
    const set = this.#find(values);
    set.sessions++;
    return set;
  }

  /**
   * As `acquire`, for what a client asks for at its start: a list that never changes and may come again. Where PostgreSQL
   * has said how it writes these values, the set has them so.
   */
  acquireList(values: readonly (readonly [string, string])[]): ParameterSet {
    let set = this.#byList.get(values);
    // One that was purged is not the one that other sessions with the same values have.
    if (set === undefined || this.#sets.get(set.key) !== set) {
      set = this.#find(values);
      this.#byList.set(values, set);
    }
    const { canonical } = set;
    if (canonical !== null && this.#sets.get(canonical.key) === canonical) set = canonical;
    set.sessions++;
    return set;
  }

  /** For a set of `acquireList` whose greeting was learnt: the same parameters as PostgreSQL writes them. */
  exchange(set: ParameterSet): ParameterSet {
    const { canonical } = set;
    if (canonical === null || canonical === set) return set;
    set.sessions--;
    canonical.sessions++;
    return canonical;
  }

  #find(values: Iterable<readonly [string, string]>): ParameterSet {
    const byName = new Map<string, string>();
    for (const [name, value] of values) byName.set(inLowerCase(name), value);
    const sorted = [...byName].sort(([a], [b]) => (a < b ? -1 : 1));
    const key = sorted.map(([name, value]) => `${name}\0${value}\0`).join('');
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = new ParameterSet(key, new Map(sorted), this.#version);
      for (const name of byName.keys()) this.#noteName(name);
      if (this.#sets.size >= unusedKept) this.#purge();
      this.#sets.set(key, set);
    }
    return set;
  }

  /** Takes note of the custom parameters that a text may set: whatever looks like one in its literals. */
  noteNames(text: string): void {
    for (const [, name = ''] of text.matchAll(customName)) this.#noteName(inLowerCase(name));
  }

  #noteName(name: string): void {
    // Every session is asked for these. What is not ASCII might be no text in the encoding of the database.
    if (isCustom(name) && isAscii(name) && this.customNames.size < unusedKept)
      this.customNames.add(name);
  }

  release(set: ParameterSet): void {
    set.sessions--;
  }

  /** What the database reports has changed: greetings are learnt anew, and those that are being learnt now count for nothing. */
  forgetGreetings(): void {
    this.#version++;
    for (const set of this.#sets.values()) set.forgetGreeting(this.#version);
  }

  #purge(): void {
    for (const [key, set] of this.#sets) if (set.sessions === 0) this.#sets.delete(key);
  }
}
