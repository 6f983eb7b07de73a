import { Flag } from './effects.ts';

/** Parameters that end with the transaction however they are set. */
export const transactionParameters: ReadonlySet<string> = new Set([
  'transaction_isolation',
  'transaction_read_only',
  'transaction_deferrable',
]);

/**
 * Functions that affect the session, by unqualified name, with their effects. A user's function of the same name in
 * another schema counts as one of them: that causes an unnecessary probe, never a missed one. All of them can also be
 * called without parentheses, as in `SELECT (1::bigint).pg_advisory_lock`, so any mention of the name counts.
 */
export const sessionFunctions: ReadonlyMap<string, Flag> = new Map([
  ['set_config', Flag.SetsParameter],
  ['pg_advisory_lock', Flag.AdvisoryLock],
  ['pg_advisory_lock_shared', Flag.AdvisoryLock],
  ['pg_try_advisory_lock', Flag.AdvisoryLock],
  ['pg_try_advisory_lock_shared', Flag.AdvisoryLock],
  ['pg_advisory_unlock', Flag.AdvisoryUnlock],
  ['pg_advisory_unlock_shared', Flag.AdvisoryUnlock],
  ['pg_advisory_unlock_all', Flag.AdvisoryUnlock],
  ['nextval', Flag.SetsSequence],
  ['setval', Flag.SetsSequence],
  ['currval', Flag.ReadsSequence],
  ['lastval', Flag.ReadsSequence],
  ['pg_notify', Flag.Notify],
  ['setseed', Flag.OtherState],
  // A backup, a replication origin and a temporary slot belong to the session that made them.
  ['pg_backup_start', Flag.OtherState],
  ['pg_backup_stop', Flag.OtherState],
  ['pg_start_backup', Flag.OtherState],
  ['pg_stop_backup', Flag.OtherState],
  ['pg_replication_origin_session_setup', Flag.OtherState],
  ['pg_replication_origin_session_reset', Flag.OtherState],
  ['pg_create_logical_replication_slot', Flag.OtherState],
  ['pg_create_physical_replication_slot', Flag.OtherState],
  ['pg_copy_logical_replication_slot', Flag.OtherState],
  ['pg_copy_physical_replication_slot', Flag.OtherState],
  // Common extensions: named connections, and a threshold in a parameter.
  ['dblink_connect', Flag.OtherState],
  ['dblink_connect_u', Flag.OtherState],
  ['dblink_disconnect', Flag.OtherState],
  ['dblink_open', Flag.OtherState],
  ['dblink_send_query', Flag.OtherState],
  ['set_limit', Flag.SetsParameter],
  // Information about the backend itself.
  ['pg_backend_pid', Flag.ReadsSession],
  ['pg_cursor', Flag.ReadsSession],
  ['pg_prepared_statement', Flag.ReadsSession],
  ['pg_listening_channels', Flag.ReadsSession],
  ['pg_my_temp_schema', Flag.ReadsSession],
  ['inet_client_addr', Flag.ReadsSession],
  ['inet_client_port', Flag.ReadsSession],
  ['inet_server_addr', Flag.ReadsSession],
  ['inet_server_port', Flag.ReadsSession],
]);

/** Functions that send a signal to the process in their first argument. */
export const signalFunctions: ReadonlySet<string> = new Set([
  'pg_cancel_backend',
  'pg_terminate_backend',
]);

/** Makes the server reload its configuration. */
export const reloadFunction = 'pg_reload_conf';

/** Functions that run SQL in a string argument; the words of the string are checked. */
export const sqlRunningFunctions: ReadonlySet<string> = new Set([
  'query_to_xml',
  'query_to_xmlschema',
  'query_to_xml_and_xmlschema',
  'cursor_to_xml',
  'cursor_to_xmlschema',
  'ts_stat',
  'ts_rewrite',
]);

/** Views of pg_catalog that show the state of one server connection. */
export const sessionRelations: ReadonlySet<string> = new Set([
  'pg_cursors',
  'pg_prepared_statements',
]);

/**
 * Stable functions that are nevertheless no plain read: they assign a transaction ID, or run SQL made from their
 * arguments.
 */
export const notPlain: ReadonlySet<string> = new Set([
  'txid_current',
  'pg_current_xact_id',
  'table_to_xml',
  'table_to_xmlschema',
  'table_to_xml_and_xmlschema',
  'schema_to_xml',
  'schema_to_xmlschema',
  'schema_to_xml_and_xmlschema',
  'database_to_xml',
  'database_to_xmlschema',
  'database_to_xml_and_xmlschema',
]);

/** Volatile functions that change nothing: a read that calls one is still a plain read. */
export const plainVolatile: ReadonlySet<string> = new Set([
  'clock_timestamp',
  'timeofday',
  'gen_random_uuid',
  'timezone',
  'pg_is_in_recovery',
  'pg_database_size',
  'pg_relation_size',
  'pg_table_size',
  'pg_indexes_size',
  'pg_total_relation_size',
]);
