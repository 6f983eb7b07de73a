import { inLowerCase } from '../sql/index.ts';
import { identities, isCustom } from './parameter-set.ts';
import { encodedSql, textSql } from './replay-sql.ts';
import { timeouts } from './own-timeouts.ts';

/*
 * The query of a read-back. Rows have four columns: the parameter's name as the session knows it, its value in
 * PostgreSQL's notation, whether the session has set it (NULL for parameters that pg_settings does not show), and for
 * timeouts the value that RESET restores, in milliseconds.
 */

/** Only the source in pg_settings shows whether a parameter is set, because the value may equal the default. */
const isSet = "s.source OPERATOR(pg_catalog.=) 'session'";
const isNamed = (names: string): string =>
  `pg_catalog.lower(s.name) OPERATOR(pg_catalog.=) ANY (${names})`;

/** An array of texts. */
function arrayOf(names: Iterable<string>): string {
  return `ARRAY[${[...names].map(textSql).join(',')}]::pg_catalog.text[]`;
}

/** Queries values by name; pg_settings may not show them: the two identities, and custom parameters. */
function valuesOf(names: readonly string[], encoded: boolean): string {
  const value = 'pg_catalog.current_setting(v.n,true)';
  const rows = names.map((name) => `(${textSql(name)})`).join(',');
  return (
    `SELECT ${encoded ? encodedSql('v.n') : 'v.n'},${encoded ? encodedSql(value) : value},` +
    `NULL::pg_catalog.bool,NULL::pg_catalog.text FROM (VALUES ${rows}) v(n)`
  );
}

function listed(condition: string, encoded: boolean): string {
  const value = 'pg_catalog.current_setting(s.name)';
  return (
    `SELECT ${encoded ? encodedSql('s.name') : 's.name'},${encoded ? encodedSql(value) : value},${isSet},` +
    `CASE WHEN s.name OPERATOR(pg_catalog.=) ANY (${arrayOf(timeouts)}) THEN s.reset_val END ` +
    `FROM pg_catalog.pg_settings s WHERE ${condition}`
  );
}

const isUnlisted = (name: string): boolean => isCustom(name) || identities.includes(name);

/**
 * Queries parameters by name; for those in `plain` only their values, which is cheap. With `encoded`, texts are base64
 * of their bytes in the encoding of the database.
 */
export function readSome(
  plain: readonly string[],
  withSource: readonly string[],
  encoded: boolean,
): string {
  const values = [...plain, ...withSource.filter(isUnlisted)];
  const parts: string[] = [];
  if (values.length > 0) parts.push(valuesOf(values, encoded));
  // An extension may have declared what looks like a custom parameter: then pg_settings shows it too.
  const listable = withSource.filter((name) => !identities.includes(name));
  if (listable.length > 0) parts.push(listed(isNamed(arrayOf(listable)), encoded));
  return parts.join(' UNION ALL ');
}

/**
 * Queries everything that was set in the session by any means, and that can be set again. Custom parameters are queried
 * by name, if the names are known. `start`: names with values from the start of the session.
 */
export function readAll(
  custom: Iterable<string>,
  start: Iterable<string>,
  encoded: boolean,
): string {
  const known = [...new Set([...start].map(inLowerCase))];
  const others = new Set([...identities, ...custom, ...known.filter(isUnlisted)]);
  const condition =
    `(${isSet} OR ${isNamed(arrayOf(known))}) ` +
    "AND s.context OPERATOR(pg_catalog.=) ANY (ARRAY['user','superuser']::pg_catalog.text[]) " +
    "AND s.name OPERATOR(pg_catalog.<>) ALL (ARRAY['seed','transaction_isolation','transaction_read_only','transaction_deferrable']::pg_catalog.text[])";
  return `${valuesOf([...others], encoded)} UNION ALL ${listed(condition, encoded)}`;
}
