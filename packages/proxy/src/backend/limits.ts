/** PostgreSQL reports some fifteen parameters; extensions may add a few. Each is kept. */
export const mostReported = 500;

/** The longest name and value together that are kept, in bytes. */
export const longestReported = 64 * 1024;
