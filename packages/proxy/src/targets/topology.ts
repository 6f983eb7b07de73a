/** A host and a port, before any name is resolved. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** An instance of a cluster, as one of them tells. */
export interface Peer extends HostPort {
  /** How far it is behind the writer, in seconds; undefined where that is not told. */
  readonly lag?: number;
}

/** How the database is asked which instances its cluster has. */
export interface Topology {
  /** Needs no privilege. */
  readonly sql: string;
  /** Reads the answer. */
  read(rows: readonly (readonly (string | null)[])[]): Peer[];
}

/**
 * Aurora names its instances only; an instance that has not reported for five minutes is gone. Functions are named
 * without a schema: Amazon does not document theirs.
 */
const auroraSql = `SELECT server_id, replica_lag_in_msec FROM aurora_replica_status()
  WHERE session_id = 'MASTER_SESSION_ID' OR last_update_timestamp IS NULL
    OR last_update_timestamp > pg_catalog.clock_timestamp() - interval '5 minutes'`;

/** A Multi-AZ DB cluster tells the endpoints of its instances; the argument names who asks. */
const multiAzSql = "SELECT endpoint, port FROM rds_tools.show_topology('sluice')";

/** `pattern` is a host, with or without a port, in which `?` stands for the name that Aurora gives the instance. */
export function auroraTopology(pattern: string, port: number): Topology {
  return {
    sql: auroraSql,
    read: (rows) =>
      rows.flatMap(([server, lag]) => {
        // It becomes a part of a host name, and comes from outside.
        if (typeof server !== 'string' || !/^[\w-]+$/.test(server)) return [];
        const [host = '', ownPort] = pattern.replace('?', server).split(':');
        const hostPort = { host, port: ownPort === undefined ? port : Number(ownPort) };
        return [
          lag === null || lag === undefined ? hostPort : { ...hostPort, lag: Number(lag) / 1000 },
        ];
      }),
  };
}

export function multiAzTopology(port: number): Topology {
  return {
    sql: multiAzSql,
    read: (rows) =>
      rows.flatMap(([endpoint, own]) =>
        typeof endpoint === 'string' && endpoint !== ''
          ? [{ host: endpoint, port: Number(own ?? port) }]
          : [],
      ),
  };
}
