import process from 'node:process';

/** The runtime of this process and its version, for users. */
export const runtimeName =
  process.versions['bun'] === undefined
    ? `Node.js ${process.versions.node}`
    : `Bun ${process.versions['bun']}`;
