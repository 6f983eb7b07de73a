/** The state of a target, as in Amazon RDS Proxy (TargetHealth). */
export const TargetState = {
  /** Not checked yet. */
  Registering: 'REGISTERING',
  Available: 'AVAILABLE',
  Unavailable: 'UNAVAILABLE',
} as const;

export type TargetState = (typeof TargetState)[keyof typeof TargetState];

/** Why a target is UNAVAILABLE: RDS Proxy's reasons, and one that it does not have. */
export const UnavailableReason = {
  /** No connection, or no response in time. */
  Unreachable: 'UNREACHABLE',
  /** It refuses connections: it starts up, shuts down, or is full. */
  ConnectionFailed: 'CONNECTION_FAILED',
  /** It refuses the user of the health check. */
  AuthFailure: 'AUTH_FAILURE',
  /**
   * It accepts writes but is not the writer: another server of its cluster was promoted since, or it is another
   * cluster.
   */
  InvalidReplicationState: 'INVALID_REPLICATION_STATE',
  /** A standby with too great a lag. Not among RDS Proxy's reasons. */
  ReplicationLag: 'REPLICATION_LAG',
} as const;

export type UnavailableReason = (typeof UnavailableReason)[keyof typeof UnavailableReason];
