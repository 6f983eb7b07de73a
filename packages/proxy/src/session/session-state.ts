/** What a session is doing; each is a list of the endpoint's, so that a gauge is a length. */
export const SessionState = {
  /** Between transactions: holds no server connection. */
  Idle: 'idle',
  /** In the borrow queue. */
  Waiting: 'waiting',
  /** Holds a lease and is owed something. */
  Active: 'active',
  Closed: 'closed',
} as const;

export type SessionState = (typeof SessionState)[keyof typeof SessionState];
