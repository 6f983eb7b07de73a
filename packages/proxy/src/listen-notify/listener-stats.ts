/** The counters of the listening connection of one database. */
export class ListenerStats {
  /** Notifications delivered to sessions. */
  notifications = 0;
  /** Losses of the connection while sessions were listening. */
  gaps = 0;
  /** The total length of these gaps, in seconds. */
  gapSeconds = 0;
}
