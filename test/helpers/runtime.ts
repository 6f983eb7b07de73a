/** What the daemon runs on. */
export type Runtime = 'node' | 'bun';
