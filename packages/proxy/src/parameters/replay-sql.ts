import { identities, isCustom, quoteText } from './parameter-set.ts';
import type { ParameterSet } from './parameter-set.ts';

/**
 * While this parameter is on, PostgreSQL ends the server process at any error. It is set before all others and restored
 * after them: either everything was set, or there is no process that could run what follows.
 */
const guard = 'exit_on_error';

/** The values of parameters, by name. */
type Values = Pick<ParameterSet, 'values'>;

/** PostgreSQL arms timeouts for each statement of a Query. The current one might be that of the previous session. */
const unhurried = 'SET LOCAL statement_timeout=0';

/**
 * The SQL that changes a connection from the parameters `from` to the parameters `to`; empty if they are equal.
 * `set_config` parses the text as postgresql.conf does, so a list such as `search_path` stays a list, and NULL is
 * RESET. The answer is ASCII: a value that does not exist in the client's encoding would be an error after the guard.
 */
export function replaySql(from: Values | null, to: Values): string {
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
  // An array, because a row has at most 1,664 columns.
  return `SET ${guard}=on;${unhurried};SELECT ARRAY[${calls.join(',')}] IS NULL`;
}

/**
 * What has to be set before `client_encoding` when a connection changes from `from` to `to`; null if nothing does.
 *
 * PostgreSQL reports some parameters when they change, in the encoding of the client at the end of the Query. A value
 * that does not exist in that encoding is an error that never ends (`mustBeReportable`). The session has set the value
 * under another encoding, so the value is set under the encoding of the database here, in which it exists. `reported`:
 * what the connection has reported.
 */
export function setsBeforeEncoding(
  from: Values | null,
  to: Values,
  reported: ReadonlyMap<string, string>,
): Values | null {
  const encoding = to.values.get('client_encoding');
  const own = reported.get('server_encoding');
  if (encoding === undefined || own === undefined || encoding === own) return null;
  const had = from?.values ?? noValues;
  const early = [...to.values].filter(
    ([name, value]) =>
      isPlain(name) && !isAscii(value) && reported.has(name) && had.get(name) !== value,
  );
  if (early.length === 0) return null;
  return { values: new Map([...had, ['client_encoding', own], ...early]) };
}

const noValues: ReadonlyMap<string, string> = new Map();
const isPlain = (name: string): boolean => !identities.includes(name) && name !== guard;

/** Parameters were set before the session changed its identity, so they are set again in this order. */
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
 * Whether another server process may accept a value that one refuses: temp_buffers cannot change after temporary tables
 * were used, and a declared parameter is checked where the library is loaded.
 */
export function dependsOnProcess(name: string): boolean {
  return name === 'temp_buffers' || isCustom(name);
}

/**
 * Parameters that PostgreSQL checks in a startup packet and does not keep: transactions and logins set them themselves.
 */
const checkedOnly: ReadonlySet<string> = new Set([
  'session_authorization',
  'transaction_isolation',
  'transaction_read_only',
  'transaction_deferrable',
  'seed',
]);

/** The SQL that applies the start parameters of a client to a connection. */
export interface StartValues {
  readonly sql: string;
  /**
   * The parameters that are kept: the first row has their values in PostgreSQL's notation, after a column that marks
   * it.
   */
  readonly names: readonly string[];
}

/**
 * The SQL that gives a connection with the parameters `from` the start parameters of a client, as a login with that
 * startup packet would.
 */
export function startValuesOf(
  from: Values | null,
  start: Values,
  isReported: (name: string) => boolean,
): StartValues {
  const had = from?.values ?? noValues;
  const kept = new Map([...start.values].filter(([name]) => !checkedOnly.has(name)));
  const ordered = setsInOrder(kept, [...kept.keys()]);
  if (start.values.has(guard)) ordered.push([guard, start.values.get(guard) ?? '']);
  const checks = [...start.values].filter(([name]) => checkedOnly.has(name));
  const user = start.values.get('session_authorization');
  const resets = [...had.keys()].filter((name) => !start.values.has(name));
  const undone = resetsInOrder(had, resets).map((name) => setConfig(name, null));
  const calls = [
    undone.length > 0 ? `ARRAY[${undone.join(',')}] IS NULL` : 'NULL',
    ...ordered.map(([name, value]) => encodedSql(setConfig(name, value))),
  ];
  const statements = [
    ...checks.flatMap(([name, value]) => check(name, value)),
    ...(undone.length + ordered.length > 0 ? [`SELECT ${calls.join(',')}`] : []),
    ...ordered.flatMap(([name, value]) =>
      isReported(name) && !isAscii(value) ? [mustBeReportable(name)] : [],
    ),
    ...(user === undefined
      ? []
      : [`SELECT ${setConfig('session_authorization', user, true)} IS NULL`]),
  ];
  return {
    sql: statements.length === 0 ? '' : [unhurried, ...statements].join(';'),
    names: ordered.map(([name]) => name),
  };
}

/**
 * Refuses a value that does not exist in the encoding of the client, as a login does. Without this, PostgreSQL would
 * fail to report it at the end of the Query, again and again, in a process that nothing but SIGKILL ends.
 */
function mustBeReportable(name: string): string {
  const value = `pg_catalog.current_setting(${textSql(name)})`;
  return `SELECT pg_catalog.convert_to(${value},pg_catalog.current_setting('client_encoding')) IS NULL`;
}

/** Has PostgreSQL check a value that it does not keep. */
function check(name: string, value: string): string[] {
  // Its check would be an assignment that resets random(). So only invalid values are sent.
  if (name === 'seed')
    return Math.abs(Number(value)) <= 1 && value.trim() !== ''
      ? []
      : [`SET LOCAL seed TO ${quoteText(value)}`];
  if (name === 'session_authorization') return [];
  // A call in a SELECT would be too late: "must be called before any query".
  return [`SET LOCAL ${name} TO ${quoteText(value)}`];
}

/** A call that sets or resets a parameter. */
export function setConfig(name: string, value: string | null, isLocal = false): string {
  const text = value === null ? 'NULL' : textSql(value);
  return `pg_catalog.set_config(${textSql(name)},${text},${String(isLocal)})`;
}

/**
 * An expression for a text that is stored as bytes in the encoding of the database. The expression is ASCII, so
 * client_encoding does not matter.
 */
export function textSql(bytes: string): string {
  const mark = bytes.indexOf('\0');
  if (mark < 0 && isAscii(bytes)) return quoteText(bytes);
  const encoding = mark < 0 ? 'pg_catalog.getdatabaseencoding()' : quoteText(bytes.slice(0, mark));
  const base64 = Buffer.from(bytes.slice(mark + 1), 'latin1').toString('base64');
  return `pg_catalog.convert_from(pg_catalog.decode('${base64}','base64'),${encoding})`;
}

/** Marks a text that is not in the encoding of the database but in this one: `textSql` converts it. */
export function inEncoding(bytes: string, encoding: string): string {
  return `${encoding}\0${bytes}`;
}

/** Converts an expression of type text into its bytes in the encoding of the database, as base64. */
export function encodedSql(expression: string): string {
  return `pg_catalog.encode(pg_catalog.convert_to(${expression},pg_catalog.getdatabaseencoding()),'base64')`;
}

/** The text of an `encodedSql` result. */
export function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString('latin1');
}

export function isAscii(bytes: string): boolean {
  for (let at = 0; at < bytes.length; at++) if (bytes.charCodeAt(at) > 0x7f) return false;
  return true;
}
