/** What a target reports about itself. */
export interface Role {
  /** It follows another server and accepts no writes. */
  readonly inRecovery: boolean;
  /** New transactions are read-only. */
  readonly readOnly: boolean;
  /**
   * When its postmaster started, in a format that no parameter changes: distinguishes a restart from a short
   * interruption.
   */
  readonly startedAt: string;
  /** `max_connections` minus the reserved connections. */
  readonly capacity: number;
  /** The cluster identifier, shared by all copies. Null without the privilege to read it. */
  readonly systemId: string | null;
  /** Increases by one with each promotion. Null without the privilege to read it. */
  readonly timeline: number | null;
  /** The written, or on a standby the replayed, WAL position in bytes. Null without the privilege to read it. */
  readonly position: number | null;
}

/** `max_connections` minus the reserved connections; `reserved_connections` exists since PostgreSQL 16. */
const capacity = `pg_catalog.current_setting('max_connections')::pg_catalog.int4
    OPERATOR(pg_catalog.-) pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int4
    OPERATOR(pg_catalog.-) coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int4`;

/** Queries only the capacity. */
export const capacitySql = `SELECT ${capacity}`;

/** Parses the value of `capacitySql`. */
export function readCapacity(value: string | null | undefined): number {
  return Math.max(1, Number(value));
}

const always = `pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only'),
  pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.pg_postmaster_start_time()), 'YYYY-MM-DD HH24:MI:SS.US'),
  ${capacity}`;

/**
 * Queries the role; needs no privilege. A server in recovery reports the timeline of its last checkpoint. On a server
 * that writes, only the name of its WAL file shows the new timeline immediately; its control file follows minutes
 * later.
 */
export const roleSql = `SELECT ${always}, (SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system()),
  CASE WHEN pg_catalog.pg_is_in_recovery()
    THEN (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint())
    ELSE ('x' OPERATOR(pg_catalog.||) pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::pg_catalog.bit(32)::pg_catalog.int4 END,
  pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery()
    THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, '0/0')`;

/** The same for servers without access to WAL functions (Aurora without logical replication). */
export const plainRoleSql = `SELECT ${always}, NULL, NULL, NULL`;

/** Parses the row of `roleSql`. */
export function readRole(row: readonly (string | null)[]): Role {
  const [inRecovery, readOnly, startedAt, mostConnections, systemId, timeline, position] = row;
  return {
    inRecovery: inRecovery === 't',
    readOnly: readOnly === 'on',
    startedAt: startedAt ?? '',
    capacity: readCapacity(mostConnections),
    systemId: systemId ?? null,
    timeline: numberOrNull(timeline),
    position: numberOrNull(position),
  };
}

function numberOrNull(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}
