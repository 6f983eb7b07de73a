import { suspicious } from '../sql/index.ts';
import { quoteText } from './parameter-set.ts';

/*
 * What the catalogue is asked about the code of a database. All names are written in full: search_path may be anything.
 */

/** A function that was found. */
interface Found {
  readonly oid: string;
  readonly name: string;
}

/** In ASCII, so that any client_encoding can tell it. */
const encoded = (expression: string): string =>
  `pg_catalog.encode(pg_catalog.convert_to(${expression}, 'UTF8'), 'base64')`;
/** What `encoded` has made of a text. */
export const decode = (text: string): string => Buffer.from(text, 'base64').toString();

const bodyOf =
  'CASE WHEN p.prosqlbody IS NULL THEN p.prosrc ELSE pg_catalog.pg_get_function_sqlbody(p.oid) END';

/** Functions of users, in languages that have a text, which match a regular expression. */
function functionsSql(pattern: string, known: readonly Found[], most: number): string {
  return (
    `SELECT p.oid, ${encoded('p.proname')}, ${encoded('b.body')} ` +
    'FROM pg_catalog.pg_proc p CROSS JOIN LATERAL ' +
    // OFFSET 0 keeps the body from being looked at where the rest excludes the function.
    `(SELECT ${bodyOf} AS body OFFSET 0) b ` +
    "WHERE p.prolang NOT IN (SELECT oid FROM pg_catalog.pg_language WHERE lanname IN ('internal', 'c')) " +
    "AND p.pronamespace NOT IN ('pg_catalog'::pg_catalog.regnamespace, 'information_schema'::pg_catalog.regnamespace) " +
    `AND p.oid <> ALL (${oidsOf(known)}) AND b.body ~* ${pattern} ORDER BY p.oid LIMIT ${most}`
  );
}

/** The functions of users that may leave something by what their own bodies say: `oid`, name and body of each. */
export function leavingFunctionsSql(most: number): string {
  return functionsSql(quoteText(suspicious), [], most);
}

/** As `leavingFunctionsSql`: further functions, whose bodies name one of these functions or relations. */
export function callersSql(
  functions: readonly Found[],
  relations: Iterable<string>,
  most: number,
): string {
  const names = new Set([...functions.map(({ name }) => name), ...relations]);
  // A name may hold what is special in a regular expression.
  const words = [...names].map((name) => name.replaceAll(/[^\w\u0080-\uffff]/g, String.raw`\$&`));
  return functionsSql(quoteText(String.raw`\y(?:${words.join('|')})\y`), functions, most);
}

const oidsOf = (functions: readonly Found[]): string =>
  `ARRAY[${functions.map(({ oid }) => oid).join(',')}]::pg_catalog.oid[]`;

const kinds = (name: string): string => `'pg_catalog.${name}'::pg_catalog.regclass`;

/**
 * Relations that run one of these functions when they are read or written: by triggers, rules and views, defaults,
 * constraints and policies; by way of views over such relations, of partitions and children, and of foreign keys. The name
 * of each, and whether reading it runs one of them.
 */
export function relationsSql(functions: readonly Found[]): string {
  const called = `d.refclassid = ${kinds('pg_proc')} AND d.refobjid = ANY (${oidsOf(functions)})`;
  const by = (table: string): string =>
    `pg_catalog.${table} o JOIN pg_catalog.pg_depend d ON d.classid = ${kinds(table)} AND d.objid = o.oid`;
  return (
    'WITH RECURSIVE way(a, b, reads) AS (' +
    `SELECT d.refobjid, o.ev_class, true FROM ${by('pg_rewrite')} WHERE d.refclassid = ${kinds('pg_class')} ` +
    'UNION ALL SELECT inhparent, inhrelid, true FROM pg_catalog.pg_inherits ' +
    'UNION ALL SELECT inhrelid, inhparent, true FROM pg_catalog.pg_inherits ' +
    "UNION ALL SELECT conrelid, confrelid, false FROM pg_catalog.pg_constraint WHERE contype = 'f'" +
    '), runs(relation, reads) AS ((' +
    `SELECT tgrelid, false FROM pg_catalog.pg_trigger WHERE tgfoid = ANY (${oidsOf(functions)}) ` +
    `UNION SELECT o.ev_class, true FROM ${by('pg_rewrite')} WHERE ${called} ` +
    `UNION SELECT o.adrelid, false FROM ${by('pg_attrdef')} WHERE ${called} ` +
    `UNION SELECT o.conrelid, false FROM ${by('pg_constraint')} WHERE ${called} ` +
    `UNION SELECT o.polrelid, true FROM ${by('pg_policy')} WHERE ${called}` +
    ') UNION SELECT way.b, runs.reads AND way.reads FROM runs JOIN way ON way.a = runs.relation) ' +
    `SELECT ${encoded('c.relname')}, pg_catalog.bool_or(runs.reads) ` +
    'FROM runs JOIN pg_catalog.pg_class c ON c.oid = runs.relation GROUP BY c.relname'
  );
}
