/** The limits of a server connection, from the settings. */
export const serverLimits = {
  /** The maximum number of reported parameters. PostgreSQL reports about 15; extensions can add some. */
  mostReported: 500,
  /** The maximum size of a message that is inspected, in bytes. */
  longestMessage: 16 * 1024 * 1024,
};

/** The maximum size of the name and value of a reported parameter, in bytes. */
export const longestReported = 64 * 1024;
