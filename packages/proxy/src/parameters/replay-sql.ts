import { identities, isCustom, quoteText } from './parameter-set.ts';
import type { ParameterSet } from './parameter-set.ts';

/**
 * While this parameter is on, PostgreSQL ends the server process at any error. It is set before all others and given its
 * own value behind them: either everything was set, or there is no process left that could run what stands behind.
 */
const guard = 'exit_on_error';

/** Time-outs are armed anew for each statement of a Query. This one might be that of whoever had the connection before. */
const unhurried = 'SET LOCAL statement_timeout=0';

/**
 * The SQL that turns a connection with the parameters `from` into one with the parameters `to`; empty when they agree.
 * `set_config` takes the text as postgresql.conf does, so a list such as `search_path` stays a list, and NULL as RESET. The
 * answer is ASCII: a value that the client's encoding does not have would be an error after the guard.
 */
export function replaySql(from: ParameterSet | null, to: ParameterSet): string {
  const had = from?.values ?? noValues;
  const resets = [...had.keys()].filter((name) => !to.values.has(name));
  const sets = [...to.values].filter(([name, value]) => had.get(name) !== value);
  if (resets.length === 0 && sets.length === 0) return '';
  const calls = [
    ...resetsInOrder(had, resets).map((name) => setConfig(name, null)),
    ...setsInOrder(
      to.values,
      sets.map(([name]) => name),
    ).map(([name, value]) => setConfig(name, value)),
    setConfig(guard, to.values.get(guard) ?? null),
  ];
  // An array, since a row has 1,664 columns at most.
  return `SET ${guard}=on;${unhurried};SELECT ARRAY[${calls.join(',')}] IS NULL`;
}

const noValues: ReadonlyMap<string, string> = new Map();
const isPlain = (name: string): boolean => !identities.includes(name) && name !== guard;

/** Parameters were set by whom the session was before it took on another identity: so they are again. */
function resetsInOrder(had: ReadonlyMap<string, string>, names: readonly string[]): string[] {
  const taken = identities.filter((name) => had.has(name));
  return [...taken.toReversed(), ...names.filter(isPlain)];
}

function setsInOrder(
  values: ReadonlyMap<string, string>,
  names: readonly string[],
): [name: string, value: string][] {
  const taken = identities.filter((name) => values.has(name));
  return [...names.filter(isPlain), ...taken].map((name) => [name, values.get(name) ?? '']);
}

/**
 * Whether a value that one server process refuses may be taken by another: temp_buffers cannot change any more once temporary
 * tables were used, and what a library has declared is checked where the library is loaded.
 */
export function dependsOnProcess(name: string): boolean {
  return name === 'temp_buffers' || isCustom(name);
}

/** Parameters that PostgreSQL checks in a startup packet and does not keep: transactions and logins set them themselves. */
const checkedOnly: ReadonlySet<string> = new Set([
  'session_authorization',
  'transaction_isolation',
  'transaction_read_only',
  'transaction_deferrable',
  'seed',
]);

/** How a connection is given what a client asks for at its start. */
export interface StartValues {
  readonly sql: string;
  /** The parameters that are kept: the first row tells how PostgreSQL writes their values, behind a column of its own. */
  readonly names: readonly string[];
}

/**
 * The SQL that gives a connection with the parameters `from` what a client asks for in its startup packet, as a login with
 * that packet would.
 */
export function startValuesOf(from: ParameterSet | null, asked: ParameterSet): StartValues {
  const had = from?.values ?? noValues;
  const kept = new Map([...asked.values].filter(([name]) => !checkedOnly.has(name)));
  const ordered = setsInOrder(kept, [...kept.keys()]);
  if (asked.values.has(guard)) ordered.push([guard, asked.values.get(guard) ?? '']);
  const checks = [...asked.values].filter(([name]) => checkedOnly.has(name));
  const user = asked.values.get('session_authorization');
  const resets = [...had.keys()].filter((name) => !asked.values.has(name));
  const undone = resetsInOrder(had, resets).map((name) => setConfig(name, null));
  const calls = [
    undone.length > 0 ? `ARRAY[${undone.join(',')}] IS NULL` : 'NULL',
    ...ordered.map(([name, value]) => encodedSql(setConfig(name, value))),
  ];
  const statements = [
    ...checks.flatMap(([name, value]) => check(name, value)),
    ...(undone.length + ordered.length > 0 ? [`SELECT ${calls.join(',')}`] : []),
    ...(user === undefined
      ? []
      : [`SELECT ${setConfig('session_authorization', user, true)} IS NULL`]),
  ];
  return {
    sql: statements.length === 0 ? '' : [unhurried, ...statements].join(';'),
    names: ordered.map(([name]) => name),
  };
}

/** Has PostgreSQL check a value that it does not keep. */
function check(name: string, value: string): string[] {
  // Its check would be an assignment: random() would begin anew. So only what it refuses is put to it.
  if (name === 'seed')
    return Math.abs(Number(value)) <= 1 && value.trim() !== ''
      ? []
      : [`SET LOCAL seed TO ${quoteText(value)}`];
  if (name === 'session_authorization') return [];
  // A call in a SELECT would come too late: "must be called before any query".
  return [`SET LOCAL ${name} TO ${quoteText(value)}`];
}

/** A call that sets a parameter, or resets it. */
export function setConfig(name: string, value: string | null, isLocal = false): string {
  const text = value === null ? 'NULL' : textSql(value);
  return `pg_catalog.set_config(${textSql(name)},${text},${String(isLocal)})`;
}

/**
 * An expression for a text that is kept as its bytes in the encoding of the database. The expression is ASCII, and so means
 * the same under whatever client_encoding the connection has.
 */
export function textSql(bytes: string): string {
  const mark = bytes.indexOf('\0');
  if (mark < 0 && isAscii(bytes)) return quoteText(bytes);
  const encoding = mark < 0 ? 'pg_catalog.getdatabaseencoding()' : quoteText(bytes.slice(0, mark));
  const base64 = Buffer.from(bytes.slice(mark + 1), 'latin1').toString('base64');
  return `pg_catalog.convert_from(pg_catalog.decode('${base64}','base64'),${encoding})`;
}

/** Stands for a text that is not in the encoding of the database but in this one: `textSql` converts it. */
export function inEncoding(bytes: string, encoding: string): string {
  return `${encoding}\0${bytes}`;
}

/** Turns an expression of type text into its bytes in the encoding of the database, as base64. */
export function encodedSql(expression: string): string {
  return `pg_catalog.encode(pg_catalog.convert_to(${expression},pg_catalog.getdatabaseencoding()),'base64')`;
}

/** What `encodedSql` has made of a text. */
export function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString('latin1');
}

export function isAscii(bytes: string): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes.charCodeAt(at) > 0x7f) return false;
  return true;
}
