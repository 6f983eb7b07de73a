/** The runtime of a daemon. */
export type Runtime = 'node' | 'bun';
