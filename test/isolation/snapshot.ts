/*
 * One statement that returns all state of sessions that a backend can report. It runs with any parameters that the
 * session has: every name and operator is qualified, and the result is ASCII.
 */

/** What the statement can query depends on the server and the database. */
export interface SnapshotOptions {
  /** `server_version_num`. */
  readonly version: number;
  /** Where the extension dblink is installed, or null. */
  readonly dblink: { readonly database: string; readonly schema: string } | null;
  /** Custom parameters, because PostgreSQL does not list them. */
  readonly customParameters: readonly string[];
}

/** One piece of state: its kind, its name, and its value. */
export interface Trace {
  readonly kind: string;
  readonly name: string;
  readonly value: string;
}

/**
 * Every catalog whose objects are in schemas: table, name and schema. A test compares the list with the catalog of the
 * server.
 */
export const namespaced: readonly (readonly [table: string, name: string, namespace: string])[] = [
  ['pg_class', 'relname', 'relnamespace'],
  ['pg_collation', 'collname', 'collnamespace'],
  ['pg_constraint', 'conname', 'connamespace'],
  ['pg_conversion', 'conname', 'connamespace'],
  ['pg_opclass', 'opcname', 'opcnamespace'],
  ['pg_operator', 'oprname', 'oprnamespace'],
  ['pg_opfamily', 'opfname', 'opfnamespace'],
  ['pg_proc', 'proname', 'pronamespace'],
  ['pg_statistic_ext', 'stxname', 'stxnamespace'],
  ['pg_ts_config', 'cfgname', 'cfgnamespace'],
  ['pg_ts_dict', 'dictname', 'dictnamespace'],
  ['pg_ts_parser', 'prsname', 'prsnamespace'],
  ['pg_ts_template', 'tmplname', 'tmplnamespace'],
  ['pg_type', 'typname', 'typnamespace'],
];

/** Catalogs that reference schemas, but whose rows are not in a temporary one. */
export const notTemporary: readonly string[] = [
  // An extension cannot be created in a temporary schema.
  'pg_extension',
  // Default privileges IN SCHEMA pg_temp disappear with the schema, and only contain permissions.
  'pg_default_acl',
  // A temporary schema cannot be published.
  'pg_publication_namespace',
];

/** In ASCII, and without a conversion that could fail: the bytes in the backend. */
const exact = (expression: string): string =>
  'pg_catalog.encode(pg_catalog.convert_to(coalesce(' +
  `${expression}, ''), pg_catalog.getdatabaseencoding()), 'base64')`;

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** The statement for a connection to this database. Each row is a kind, a name and a value. */
export function snapshotSql(
  { version, dblink, customParameters }: SnapshotOptions,
  database: string,
): string {
  const row = (kind: string, name: string, value: string, from: string): string =>
    `SELECT ${literal(kind)}::pg_catalog.text, ${exact(`(${name})::pg_catalog.text`)}, ${exact(`(${value})::pg_catalog.text`)} ${from}`;
  const parts = [
    row(
      'setting',
      'name',
      'pg_catalog.current_setting(name, true)',
      "FROM pg_catalog.pg_settings WHERE source OPERATOR(pg_catalog.<>) 'default'",
    ),
    row('identity', "'user'", 'current_user', ''),
    row('identity', "'session user'", 'session_user', ''),
    // The locks of the snapshot itself are included, and are the same everywhere.
    row(
      'lock',
      'locktype',
      "pg_catalog.concat_ws(' ', mode, classid, objid, objsubid)",
      'FROM pg_catalog.pg_locks WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() ' +
        "AND locktype OPERATOR(pg_catalog.<>) ALL (ARRAY['relation', 'virtualxid'])",
    ),
    ...namespaced.map(([table, name, namespace]) =>
      row(
        'temporary',
        `pg_catalog.concat_ws(' ', '${table}', ${name})`,
        "''",
        `FROM pg_catalog.${table} WHERE ${namespace} OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema() ` +
          'AND pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid',
      ),
    ),
    row('prepared', 'name', "''", 'FROM pg_catalog.pg_prepared_statements WHERE from_sql'),
    row(
      'cursor',
      'name',
      'is_holdable',
      "FROM pg_catalog.pg_cursors WHERE name OPERATOR(pg_catalog.<>) ''",
    ),
    row('channel', 'c', "''", 'FROM pg_catalog.pg_listening_channels() c'),
    ...customParameters.map((name) =>
      row('custom', literal(name), `pg_catalog.current_setting(${literal(name)}, true)`, ''),
    ),
    // Three random numbers: a seed that somebody has set predicts each.
    ...[1, 2, 3].map((n) => row('random', `'${n}'`, 'pg_catalog.random()', '')),
    ...(version >= 180_000
      ? [row('library', 'm.file_name', "''", 'FROM pg_catalog.pg_get_loaded_modules() m')]
      : []),
    ...(dblink?.database === database
      ? [row('link', "'open'", `"${dblink.schema}".dblink_get_connections()`, '')]
      : []),
  ];
  return parts.join(' UNION ALL ');
}

/** Parses the rows of a snapshot. */
export function readSnapshot(rows: readonly (readonly (string | null)[])[]): Trace[] {
  const decode = (text: string | null | undefined): string =>
    Buffer.from(text ?? '', 'base64').toString('latin1');
  return rows.map(([kind, name, value]) => ({
    kind: kind ?? '',
    name: decode(name),
    value: decode(value),
  }));
}
