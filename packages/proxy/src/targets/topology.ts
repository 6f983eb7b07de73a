/** A host and a port, before name resolution. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** An instance of a cluster, as another instance reports it. */
export interface Peer extends HostPort {
  /** Its replication lag, in seconds; undefined if unknown. */
  readonly lag?: number;
}

/** The query for the instances of a cluster. */
export interface Topology {
  /** Needs no privilege. */
  readonly sql: string;
  /** Parses the answer. */
  read(rows: readonly (readonly (string | null)[])[]): Peer[];
}

/**
 * Aurora reports only names of instances; an instance that has not reported for five minutes is gone. Functions have no
 * schema qualifier, because Amazon does not document their schema.
 */
const auroraSql = `SELECT server_id, replica_lag_in_msec FROM aurora_replica_status()
  WHERE session_id = 'MASTER_SESSION_ID' OR last_update_timestamp IS NULL
    OR last_update_timestamp > pg_catalog.clock_timestamp() - interval '5 minutes'`;

/** A Multi-AZ DB cluster reports the endpoints of its instances; the argument identifies the caller. */
const multiAzSql = "SELECT endpoint, port FROM rds_tools.show_topology('sluice')";

/** `pattern` is a host, with or without a port, in which `?` represents Aurora's name of the instance. */
export function auroraTopology(pattern: string, port: number): Topology {
  return {
    sql: auroraSql,
    read: (rows) =>
      rows.flatMap(([server, lag]) => {
        // It becomes part of a host name, and is external input.
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
