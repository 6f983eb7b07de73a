/*
 * Extensions whose C code is known, from its source, to keep no session state that another session could see. C code of
 * any other extension may keep state: it pins the session, and the server connection is closed afterwards.
 */

/** They keep no state, or only parameters that RESET ALL resets. */
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

/** They run SQL that they are given, like dynamic SQL. */
export const sqlRunningExtensions: ReadonlySet<string> = new Set(['tablefunc', 'xml2']);
