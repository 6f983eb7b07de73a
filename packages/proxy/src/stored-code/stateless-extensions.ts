/*
 * Extensions whose code in C is known, by its source, to keep nothing in a session that another session could tell. Code in
 * C of any other extension may keep anything: a session that runs it is pinned, and its server connection closed afterwards.
 */

/** They keep nothing, or parameters that RESET ALL resets. */
export const statelessExtensions: ReadonlySet<string> = new Set([
  'amcheck',
  'bloom',
  'btree_gin',
  'btree_gist',
  'citext',
  'cube',
  'dict_int',
  'dict_xsyn',
  'earthdistance',
  'fuzzystrmatch',
  'hstore',
  'intagg',
  'intarray',
  'lo',
  'ltree',
  'pageinspect',
  'pg_buffercache',
  'pg_freespacemap',
  'pg_stat_statements',
  'pg_trgm',
  'pg_visibility',
  'pgcrypto',
  'pgrowlocks',
  'pgstattuple',
  'seg',
  'sslinfo',
  'tcn',
  'tsm_system_rows',
  'tsm_system_time',
  'unaccent',
  'uuid-ossp',
  'vector',
]);

/** They run SQL that they are given: as code that makes statements as it runs. */
export const sqlRunningExtensions: ReadonlySet<string> = new Set(['tablefunc', 'xml2']);
