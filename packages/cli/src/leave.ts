import process from 'node:process';

/** The time for the remaining work after a stop, in milliseconds. */
const patience = 900;

/**
 * Exits the process of a daemon with this code when `last` has settled or takes too long.
 *
 * It does not wait for the event loop to become empty: a socket whose close failed (a reset during a shutdown) never
 * ends, and Node.js would wait for it forever in a busy loop. It must not be called in a callback of a handle, because
 * other handles would be half closed.
 */
export async function leave(code: number, last: Promise<unknown>): Promise<never> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patience);
  });
  await Promise.race([last.catch(() => undefined), enough]);
  clearTimeout(timer);
  return new Promise<never>(() => {
    setImmediate(() => process.exit(code));
  });
}
