import { distinct, has, mask } from '../distinct.ts';
import type { Distinct } from '../distinct.ts';
import { Flag, sessionFunctions, sqlRunningFunctions } from '../sql/index.ts';

/*
 * The catalog queries about the code of a database. Everything runs with search_path = pg_catalog and without timeouts,
 * independent of the previous session: see `own`.
 */

/** How much is known of the side effects of code; higher is worse. */
export const Risk = distinct<'Risk'>()({
  /** No side effects, or only named ones that are read back. */
  None: 0,
  /** Side effects that a reset removes. */
  Resettable: 1,
  /** Side effects that a reset might not remove. */
  Lasting: 2,
});
export type Risk = Distinct<'Risk'>;

export function worstOf(first: Risk, ...others: readonly Risk[]): Risk {
  return others.reduce((worst, other) => (other > worst ? other : worst), first);
}

/** The first OID of an object that is not built in (FirstNormalObjectId in transam.h). */
const firstOwn = 16_384;

/** A catalog column that names a function, or contains an expression that may. */
export interface CodeColumn {
  readonly table: string;
  readonly column: string;
}

const columns = (table: string, ...names: string[]): CodeColumn[] =>
  names.map((column) => ({ table, column }));

/**
 * Every catalog column that names a function which PostgreSQL may run for a statement, in any supported version.
 * pg_depend leads from a user-defined function to these objects; for built-in functions, which have no dependencies,
 * the columns themselves are read. A test compares the list with the catalog of each version.
 */
export const functionColumns: readonly CodeColumn[] = [
  ...columns(
    'pg_aggregate',
    'aggfnoid',
    'aggtransfn',
    'aggfinalfn',
    'aggcombinefn',
    'aggserialfn',
    'aggdeserialfn',
    'aggmtransfn',
    'aggminvtransfn',
    'aggmfinalfn',
  ),
  ...columns('pg_am', 'amhandler'),
  ...columns('pg_amproc', 'amproc'),
  ...columns('pg_cast', 'castfunc'),
  ...columns('pg_conversion', 'conproc'),
  ...columns('pg_event_trigger', 'evtfoid'),
  ...columns('pg_foreign_data_wrapper', 'fdwhandler', 'fdwvalidator'),
  ...columns('pg_language', 'lanplcallfoid', 'laninline', 'lanvalidator'),
  ...columns('pg_operator', 'oprcode', 'oprrest', 'oprjoin'),
  ...columns('pg_proc', 'prosupport'),
  ...columns('pg_range', 'rngcanonical', 'rngsubdiff'),
  ...columns('pg_transform', 'trffromsql', 'trftosql'),
  ...columns('pg_trigger', 'tgfoid'),
  ...columns('pg_ts_parser', 'prsstart', 'prstoken', 'prsend', 'prsheadline', 'prslextype'),
  ...columns('pg_ts_template', 'tmplinit', 'tmpllexize'),
  ...columns(
    'pg_type',
    'typinput',
    'typoutput',
    'typreceive',
    'typsend',
    'typmodin',
    'typmodout',
    'typanalyze',
    'typsubscript',
  ),
];

/** Every catalog column with an expression (pg_node_tree), in any supported version. */
export const expressionColumns: readonly CodeColumn[] = [
  ...columns('pg_attrdef', 'adbin'),
  ...columns('pg_class', 'relpartbound'),
  ...columns('pg_constraint', 'conbin'),
  ...columns('pg_index', 'indexprs', 'indpred'),
  ...columns('pg_partitioned_table', 'partexprs'),
  ...columns('pg_policy', 'polqual', 'polwithcheck'),
  ...columns('pg_proc', 'proargdefaults', 'prosqlbody'),
  ...columns('pg_publication_rel', 'prqual'),
  ...columns('pg_rewrite', 'ev_qual', 'ev_action'),
  ...columns('pg_statistic_ext', 'stxexprs'),
  ...columns('pg_trigger', 'tgqual'),
  ...columns('pg_type', 'typdefaultbin'),
];

/** Columns that older versions do not have, with the first version that does (server_version_num / 10000). */
export const since: ReadonlyMap<string, number> = new Map([['pg_publication_rel.prqual', 15]]);

/** Catalogs whose rows have no OID, and the expression for the object of a row. */
const objectOf: ReadonlyMap<string, { readonly table: string; readonly oid: string }> = new Map([
  ['pg_aggregate', { table: 'pg_proc', oid: 'aggfnoid::oid' }],
  ['pg_index', { table: 'pg_class', oid: 'indexrelid' }],
  ['pg_partitioned_table', { table: 'pg_class', oid: 'partrelid' }],
  ['pg_range', { table: 'pg_type', oid: 'rngtypid' }],
]);

/** Built-in functions with side effects. The reader adds unknown built-in functions of the server. */
export const ownRisks: ReadonlyMap<string, Risk> = new Map<string, Risk>([
  ...[...sessionFunctions]
    .filter(([, flag]) => has(flag, mask(Flag.SetsParameter, Flag.AdvisoryLock, Flag.OtherState)))
    .map(
      ([name, flag]) =>
        [
          name,
          // The seed that a reset sets covers the side effect of setseed().
          has(flag, Flag.OtherState) && name !== 'setseed' ? Risk.Lasting : Risk.Resettable,
        ] as const,
    ),
  ...[...sqlRunningFunctions].map((name) => [name, Risk.Resettable] as const),
]);

/** Before an internal statement: makes it independent of the session's parameters. It adds one row to the answer. */
const prelude =
  "SELECT pg_catalog.set_config('search_path','pg_catalog, pg_temp',true)," +
  "pg_catalog.set_config('statement_timeout','0',true),pg_catalog.set_config('lock_timeout','0',true)," +
  "pg_catalog.set_config('client_min_messages','error',true),pg_catalog.set_config('jit','off',true);";

/** `sql`, to be run as an internal statement. */
function own(sql: string): string {
  return prelude + sql;
}

/** ASCII, valid in any client_encoding: the bytes of a text in the encoding of the database. */
const encoded = (expression: string): string =>
  `encode(convert_to(${expression}, getdatabaseencoding()), 'base64')`;

/** The text of an `encoded` value. */
export function decode(text: string): Buffer {
  return Buffer.from(text, 'base64');
}

/**
 * One value that changes with everything that decides which code a statement runs: functions, the names of relations
 * and types, and all dependencies. The version of a row is its OID with the transaction that wrote it. The second
 * column is the database, and the run of its server.
 */
export const fingerprintSql: string = own(
  "SELECT (SELECT pg_catalog.count(*)||'.'||coalesce(sum(hashint8extended(oid::int8,xmin::text::int8)),0) " +
    `FROM pg_proc WHERE oid>=${firstOwn})||' '||` +
    '(SELECT coalesce(sum(hashtextextended(relname::text,oid::int8)),0)::text FROM pg_class ' +
    `WHERE oid>=${firstOwn} AND relpersistence<>'t')||' '||` +
    '(SELECT coalesce(sum(hashtextextended(typname::text,oid::int8)),0)::text FROM pg_type ' +
    `WHERE oid>=${firstOwn})||' '||` +
    "(SELECT count(*)||'.'||coalesce(sum(hashint8extended(objid::int8,xmin::text::int8)),0) " +
    `FROM pg_depend WHERE objid>=${firstOwn}),` +
    "(SELECT oid FROM pg_database WHERE datname=current_database())||' '||extract(epoch FROM pg_postmaster_start_time())",
);

/** Every built-in function that SQL can call: its name and its OIDs. The same in all databases of a version. */
export const ownFunctionsSql: string = own(
  `SELECT proname,array_to_string(array_agg(oid),' ') FROM pg_proc WHERE oid<${firstOwn} AND prokind<>'p' ` +
    "AND prorettype NOT IN ('internal'::regtype,'trigger'::regtype,'event_trigger'::regtype," +
    "'language_handler'::regtype,'fdw_handler'::regtype,'tsm_handler'::regtype,'index_am_handler'::regtype," +
    "'table_am_handler'::regtype,'cstring'::regtype) AND proname !~ '_validator$' " +
    "AND NOT proargtypes::oid[] && ARRAY['internal'::regtype,'cstring'::regtype]::oid[] GROUP BY proname",
);

/** Every user-defined function: OID, version, name, language, its extension, and the C function behind it. */
export const functionsSql: string = own(
  `SELECT p.oid,p.xmin,${encoded('p.proname')},l.lanname,e.extname,CASE WHEN l.lanname='internal' THEN p.prosrc END ` +
    'FROM pg_proc p JOIN pg_language l ON l.oid=p.prolang ' +
    "LEFT JOIN pg_depend d ON d.classid='pg_proc'::regclass AND d.objid=p.oid AND d.deptype='e' " +
    "AND d.refclassid='pg_extension'::regclass LEFT JOIN pg_extension e ON e.oid=d.refobjid " +
    `WHERE p.oid>=${firstOwn}`,
);

/** The code of these functions, and their arguments, whose defaults are code as well: OID, body, arguments. */
export function bodiesSql(oids: Iterable<number>): string {
  return own(
    `SELECT p.oid,${encoded('CASE WHEN p.prosqlbody IS NULL THEN p.prosrc ELSE pg_get_function_sqlbody(p.oid) END')},` +
      `${encoded('pg_get_function_arguments(p.oid)')} FROM pg_proc p WHERE p.oid=ANY('{${[...oids].join(',')}}'::oid[])`,
  );
}

const kind = (name: string): string => `'${name}'::regclass::oid`;
const kinds = (...names: string[]): string => names.map(kind).join(',');

/** For a CASE over the catalog of an object: its name. */
function nameOf(table: string, column: string): string {
  return `WHEN ${kind(table)} THEN (SELECT n.${column} FROM ${table} n WHERE n.oid=r.objid)`;
}

/** The columns of each catalog, for one scan of each. */
function byTable(
  all: readonly CodeColumn[],
): (readonly [table: string, columns: readonly string[]])[] {
  return [...Map.groupBy(all, ({ table }) => table)].map(([table, group]) => [
    table,
    group.map(({ column }) => column),
  ]);
}

/** The rows of user-defined objects in which a column names a built-in function with side effects. */
function ownUses(version: number, risks: string): string {
  const pattern = `':(?:funcid|aggfnoid|winfnoid|tsmhandler) (\\d{1,5}) '`;
  const uses: string[] = [];
  const use = (table: string, values: string, found: string): void => {
    const { table: objects, oid } = objectOf.get(table) ?? { table, oid: 'o.oid' };
    uses.push(
      `SELECT ${kind(objects)},${oid},u.risk FROM ${table} o CROSS JOIN LATERAL (VALUES ${values}) v(v) ` +
        `${found} WHERE ${oid}>=${firstOwn}`,
    );
  };
  for (const [table, names] of byTable(functionColumns))
    use(table, names.map((column) => `(o.${column}::oid)`).join(','), 'JOIN u ON u.oid=v.v');
  const known = expressionColumns.filter(
    ({ table, column }) => version >= (since.get(`${table}.${column}`) ?? 0),
  );
  for (const [table, names] of byTable(known))
    use(
      table,
      names.map((column) => `(o.${column}::text)`).join(','),
      `CROSS JOIN LATERAL regexp_matches(v.v,${pattern},'g') m JOIN u ON u.oid=m[1]::oid`,
    );
  return `u(oid,risk) AS (${risks}), uses(classid,objid,risk) AS (${uses.join(' UNION ')})`;
}

/**
 * Everything that may run one of these functions, directly or through other objects: for each object its catalog, its
 * OID, its risk, whether reading it is enough, and its name. `functions` and `ownFunctions`: by OID.
 *
 * The search goes from an object to its dependents, and from a part (a trigger, a rule, a default, a constraint, a
 * policy, an index, statistics, a member of an operator class) to its relation or type. From a relation it goes only
 * where its code is run: to views, policies and functions over it, between parents and partitions, and along foreign
 * keys to the referenced table.
 */
export function reachSql(
  version: number,
  functions: ReadonlyMap<number, Risk>,
  ownFunctions: ReadonlyMap<number, Risk>,
): string {
  const list = (risks: ReadonlyMap<number, Risk>): string =>
    `SELECT * FROM unnest('{${[...risks.keys()].join()}}'::oid[],'{${[...risks.values()].join()}}'::int[])`;
  const parts = kinds(
    'pg_trigger',
    'pg_rewrite',
    'pg_attrdef',
    'pg_constraint',
    'pg_policy',
    'pg_statistic_ext',
    'pg_amop',
    'pg_amproc',
    'pg_publication_rel',
  );
  const onlyWrites = kinds('pg_trigger', 'pg_constraint');
  const names = [
    nameOf('pg_proc', 'proname'),
    nameOf('pg_class', 'relname'),
    nameOf('pg_type', 'typname'),
    nameOf('pg_operator', 'oprname'),
  ].join(' ');
  return own(
    `WITH RECURSIVE ${ownUses(version, list(ownFunctions))}, ` +
      // There are few or none, and no index finds them.
      `classes AS MATERIALIZED (SELECT oid,opcfamily,opcintype FROM pg_opclass WHERE opcintype>=${firstOwn}), ` +
      'reached(classid,objid,risk,reads) AS (' +
      `SELECT ${kind('pg_proc')},f.oid,f.risk,true FROM (${list(functions)}) f(oid,risk) ` +
      `UNION SELECT classid,objid,risk,classid NOT IN (${onlyWrites}) FROM uses ` +
      // The CHECK of a domain runs whenever a value is converted to it; that of a table, when a row is written.
      `UNION SELECT n.classid,n.objid,r.risk,(r.reads AND n.reads) OR n.classid=${kind('pg_type')} ` +
      'FROM reached r CROSS JOIN LATERAL (' +
      // Its dependents.
      `SELECT d.classid,d.objid,d.classid NOT IN (${onlyWrites}) FROM pg_depend d ` +
      "WHERE d.refclassid=r.classid AND d.refobjid=r.objid AND d.deptype<>'e' AND (" +
      `r.classid<>${kind('pg_class')} OR d.classid IN (${kinds('pg_rewrite', 'pg_proc', 'pg_policy')}) ` +
      // A row type contains the types of its columns.
      `OR (r.reads AND d.classid=${kind('pg_type')})) ` +
      // Its parent object.
      'UNION ALL SELECT d.refclassid,d.refobjid,true FROM pg_depend d WHERE d.classid=r.classid AND d.objid=r.objid ' +
      "AND d.deptype IN ('a','i') AND d.refclassid IN (" +
      `${kinds('pg_class', 'pg_type', 'pg_opclass', 'pg_opfamily')}) AND (r.classid IN (${parts}) OR ` +
      `(r.classid=${kind('pg_class')} AND EXISTS (SELECT FROM pg_index i WHERE i.indexrelid=r.objid))) ` +
      // Relations in an inheritance hierarchy, and the referenced table of a foreign key.
      `UNION ALL SELECT r.classid,inhparent,true FROM pg_inherits WHERE r.classid=${kind('pg_class')} AND inhrelid=r.objid ` +
      `UNION ALL SELECT r.classid,inhrelid,true FROM pg_inherits WHERE r.classid=${kind('pg_class')} AND inhparent=r.objid ` +
      `UNION ALL SELECT r.classid,confrelid,false FROM pg_constraint WHERE r.classid=${kind('pg_class')} ` +
      "AND conrelid=r.objid AND contype='f' " +
      // The composite type of a relation.
      `UNION ALL SELECT ${kind('pg_type')},c.reltype,true FROM pg_class c WHERE r.classid=${kind('pg_class')} ` +
      "AND c.oid=r.objid AND c.relkind='c' " +
      // The types of a cast or an operator class.
      `UNION ALL SELECT ${kind('pg_type')},t.oid,true FROM pg_cast c CROSS JOIN LATERAL (VALUES (c.castsource),(c.casttarget)) t(oid) ` +
      `WHERE r.classid=${kind('pg_cast')} AND c.oid=r.objid AND t.oid>=${firstOwn} ` +
      `UNION ALL SELECT ${kind('pg_type')},c.opcintype,true FROM classes c WHERE ` +
      `(r.classid=${kind('pg_opclass')} AND c.oid=r.objid) OR (r.classid=${kind('pg_opfamily')} AND c.opcfamily=r.objid)` +
      ') n(classid,objid,reads)) ' +
      'SELECT r.classid::regclass::text,r.objid,r.risk,r.reads,' +
      // Of few objects, so each is looked up: joins would read the catalogs whole, which is most of what this query
      // takes.
      `${encoded(`CASE r.classid ${names} END`)},` +
      // Whether a text that runs it does not show it.
      `CASE r.classid WHEN ${kind('pg_cast')} THEN (SELECT a.castsource<${firstOwn} AND a.casttarget<${firstOwn} ` +
      `FROM pg_cast a WHERE a.oid=r.objid) WHEN ${kind('pg_opclass')} THEN (SELECT k.opcintype<${firstOwn} ` +
      'FROM pg_opclass k WHERE k.oid=r.objid) ELSE r.classid IN (' +
      `${kinds('pg_conversion', 'pg_transform', 'pg_ts_parser', 'pg_ts_template', 'pg_ts_dict', 'pg_ts_config')}) END ` +
      'FROM (SELECT classid,objid,max(risk) AS risk,bool_or(reads) AS reads FROM reached GROUP BY classid,objid) r',
  );
}
