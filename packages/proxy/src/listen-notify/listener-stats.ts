/** What the listening connection of one database counts. */
export class ListenerStats {
  /** Notifications handed to sessions. */
  notifications = 0;
  /** Times that the connection was lost while somebody listened, and is back. */
  gaps = 0;
  /** How long nobody listened in all of them, in seconds. */
  gapSeconds = 0;
}
