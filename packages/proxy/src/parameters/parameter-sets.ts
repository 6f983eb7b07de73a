import { inLowerCase } from '../sql/index.ts';
import { ParameterSet, isCustom } from './parameter-set.ts';
import type { LoginReplies } from './parameter-set.ts';
import { isAscii } from './replay-sql.ts';

/** The maximum number of sets without a session that are kept for reconnecting clients. */
const unusedKept = 500;

/** The maximum number of custom parameters that are remembered, and the length of a name in bytes. */
export const mostNames = 500;
const longestName = 250;

/** A literal that may be the name of a custom parameter: `'app.user_id'`. */
const customName = /'([a-z_][\w$]*(?:\.[a-z_][\w$]*)+)'/gi;

const applicationName = 'application_name';

/** PostgreSQL keeps such a name as it is; it escapes other characters, and shortens longer names. */
const plainName = /^[ -~]{0,63}$/;

function hasPlainName({ values }: ParameterSet): boolean {
  const name = values.get(applicationName);
  return name !== undefined && plainName.test(name);
}

/** The values of a set without application_name, as a key. */
function otherValuesOf({ values }: ParameterSet): string {
  return keyOf([...values].filter(([name]) => name !== applicationName));
}

function keyOf(sorted: readonly (readonly [string, string])[]): string {
  return sorted.map(([name, value]) => `${name}\0${value}\0`).join('');
}

/** The parameter sets of one pool. */
export class ParameterSets {
  readonly #sets = new Map<string, ParameterSet>();
  /** The sets of previous lists, by identity: clients with the same startup packet share one. */
  readonly #byList = new WeakMap<object, ParameterSet>();
  /** The sets with a greeting, by their values without application_name. */
  readonly #byOtherNames = new Map<string, ParameterSet>();
  /** How often a name of a custom parameter was forgotten, or was too long to be remembered. */
  namesForgotten = 0;
  readonly #namesFull: () => void;
  /** In order of use: the name that was used last comes last. */
  readonly #customNames = new Set<string>();
  /**
   * At this number of sets, those without a session are removed. That walks over all sets, so it happens again only at
   * twice the number that remains.
   */
  #mostSets = unusedKept;
  /** Increases when the database reports a change of its own. */
  #version = 0;

  /** `namesFull` is called when the first name is forgotten. */
  constructor(namesFull: () => void = () => undefined) {
    this.#namesFull = namesFull;
  }

  /** Custom parameters that sessions of the pool may have set; the database does not list them. */
  get customNames(): ReadonlySet<string> {
    return this.#customNames;
  }

  /** The set with these values. As in PostgreSQL, names are case-insensitive; the last value wins. */
  acquire(values: Iterable<readonly [string, string]>): ParameterSet {
    const set = this.#find(values);
    set.sessions++;
    return set;
  }

  /**
   * As `acquire`, for the start parameters of a client: a list that never changes and may come again. If PostgreSQL's
   * notation of the values is known, the set has it.
   */
  acquireList(values: readonly (readonly [string, string])[]): ParameterSet {
    let set = this.#byList.get(values);
    // A purged set is not the one of other sessions with the same values.
    if (set === undefined || this.#sets.get(set.key) !== set) {
      set = this.#find(values);
      this.#byList.set(values, set);
    }
    const { canonical } = set;
    if (canonical !== null && this.#sets.get(canonical.key) === canonical) set = canonical;
    set.sessions++;
    return set;
  }

  /** A login with `set` gets this, and the database shows its values as those of `canonical`. */
  learn(set: ParameterSet, canonical: ParameterSet, login: LoginReplies): void {
    for (const each of [canonical, set]) {
      each.greeted(canonical, login);
      if (hasPlainName(each)) this.#byOtherNames.set(otherValuesOf(each), each);
    }
  }

  /**
   * Gives the set the greeting of one that differs only in application_name, if there is one: the database is not
   * queried again for every name.
   */
  greetLike(set: ParameterSet): void {
    if (!hasPlainName(set)) return;
    const like = this.#byOtherNames.get(otherValuesOf(set));
    const login = like?.login;
    const canonical = like?.canonical;
    if (login == null || canonical == null || !login.reported.has(applicationName)) return;
    const name = set.values.get(applicationName) ?? '';
    this.learn(set, this.#find([...canonical.values, [applicationName, name]]), {
      ...login,
      reported: new Map([...login.reported, [applicationName, name]]),
    });
  }

  /** For a set of `acquireList` with a greeting: the same parameters in PostgreSQL's notation. */
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
    const key = keyOf(sorted);
    let set = this.#sets.get(key);
    if (set === undefined) {
      set = new ParameterSet(key, new Map(sorted), this.#version);
      for (const name of byName.keys()) this.#noteName(name);
      if (this.#sets.size >= this.#mostSets) this.#purge();
      this.#sets.set(key, set);
    }
    return set;
  }

  /** Records the custom parameters that a text may set: every literal that looks like one. */
  noteNames(text: string): void {
    for (const [, name = ''] of text.matchAll(customName)) this.#noteName(inLowerCase(name));
  }

  #noteName(name: string): void {
    // Every read-back includes these. Non-ASCII bytes might be invalid in the encoding of the database.
    if (!isCustom(name) || !isAscii(name)) return;
    const names = this.#customNames;
    const isTooLong = name.length > longestName;
    if (!isTooLong && (names.delete(name) || names.size < mostNames)) {
      names.add(name);
      return;
    }
    if (this.namesForgotten++ === 0) this.#namesFull();
    if (isTooLong) return;
    const [oldest] = names;
    if (oldest !== undefined) names.delete(oldest);
    names.add(name);
  }

  release(set: ParameterSet): void {
    set.sessions--;
  }

  /** The reported parameters have changed: greetings are determined again, and those in progress are discarded. */
  forgetGreetings(): void {
    this.#version++;
    for (const set of this.#sets.values()) set.forgetGreeting(this.#version);
  }

  #purge(): void {
    this.#byOtherNames.clear();
    for (const [key, set] of this.#sets) if (set.sessions === 0) this.#sets.delete(key);
    this.#mostSets = Math.max(unusedKept, 2 * this.#sets.size);
  }
}
