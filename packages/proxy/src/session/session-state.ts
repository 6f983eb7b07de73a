/** What a session is doing. The endpoint has a list per state, so that a gauge is a length. */
export const SessionState = {
  /** Between transactions, without a server connection. */
  Idle: 'idle',
  /** In the borrow queue. */
  Waiting: 'waiting',
  /** With a lease and pending replies. */
  Active: 'active',
  /** Without a server connection of its own: its cycle is one of several on a shared lease. */
  Shared: 'shared',
  Closed: 'closed',
} as const;

export type SessionState = (typeof SessionState)[keyof typeof SessionState];
