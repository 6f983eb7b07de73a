import process from 'node:process';

/** How long what is left to do after a stop may take, in milliseconds. */
const patience = 900;

/**
 * Ends the process of a daemon with this exit code, once `last` is over or has taken too long.
 *
 * It does not wait until nothing is left to wait for: a socket whose close has failed (a reset during a shutdown) never ends,
 * and Node.js waits for it for ever, and busily, when it leaves by itself. Never from within a callback of a handle: its
 * neighbours would be half closed.
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
