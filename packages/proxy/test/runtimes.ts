import path from 'node:path';

/** The runtimes of the daemon, and their programs. */
export const runtimes = {
  node: process.execPath,
  bun: path.resolve(import.meta.dirname, '../../../node_modules/.bin/bun'),
} as const;

export type Runtime = keyof typeof runtimes;
