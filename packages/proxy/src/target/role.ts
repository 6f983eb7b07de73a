/** What a target says of itself. */
export interface Role {
  /** It follows another server and takes no writes. */
  readonly inRecovery: boolean;
  /** New transactions are read-only. */
  readonly readOnly: boolean;
  /** When its postmaster started: tells a restart from a short silence. */
  readonly startedAt: string;
  /** `max_connections` less what is reserved. */
  readonly capacity: number;
  /** Which cluster it belongs to; copies of one cluster share it. Null when it may not be asked. */
  readonly systemId: string | null;
  /** Grows by one with each promotion. Null when it may not be asked. */
  readonly timeline: number | null;
  /** How far a standby's replay is behind, in seconds; 0 for one that has replayed all it has received. */
  readonly lag: number;
}

const always = `pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only'),
  pg_catalog.pg_postmaster_start_time()::text,
  pg_catalog.current_setting('max_connections')::int
    - pg_catalog.current_setting('superuser_reserved_connections')::int
    - coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::int`;

/**
 * Asks for the role; needs no privilege. A server in recovery has the timeline of its last checkpoint; of a server
 * that writes, only the name of its WAL file shows the new timeline at once, its control file follows minutes later.
 */
export const roleSql = `SELECT ${always}, (SELECT system_identifier::text FROM pg_catalog.pg_control_system()),
  CASE WHEN pg_catalog.pg_is_in_recovery()
    THEN (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint())
    ELSE ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
  CASE WHEN pg_catalog.pg_is_in_recovery()
      AND pg_catalog.pg_last_wal_receive_lsn() IS DISTINCT FROM pg_catalog.pg_last_wal_replay_lsn()
    THEN pg_catalog.extract('epoch', pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp())
    ELSE 0 END`;

/** The same for servers that do not answer for their WAL (Aurora without logical replication). */
export const plainRoleSql = `SELECT ${always}, NULL, NULL, 0`;

/** Reads the row that `roleSql` gives. */
export function readRole(row: readonly (string | null)[]): Role {
  const [inRecovery, readOnly, startedAt, capacity, systemId, timeline, lag] = row;
  return {
    inRecovery: inRecovery === 't',
    readOnly: readOnly === 'on',
    startedAt: startedAt ?? '',
    capacity: Math.max(1, Number(capacity)),
    systemId: systemId ?? null,
    timeline: timeline === null || timeline === undefined ? null : Number(timeline),
    lag: Number(lag ?? 0),
  };
}
