import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { network } from './network.ts';
import { nobody, QuietHandler } from './quiet-handler.ts';

/**
 * Gives a Unix socket its file, with these permissions; `listen` listens on the file that it gets. Resolves to a function that
 * removes the file. The file of a process that
 * is gone is replaced. A file on which a process accepts connections, or that is no socket, is an error.
 *
 * The socket is made under another name and linked to its own, because a link never replaces a file: of two processes
 * that start together, one gets the name. Its permissions are complete before others can see it.
 */
export async function listenOnFile(
  file: string,
  mode: number,
  listen: (file: string) => Promise<unknown>,
): Promise<() => void> {
  const made = besides(file);
  await listen(made);
  try {
    chmodSync(made, mode);
    const { ino } = lstatSync(made);
    while (!isLinked(made, file)) await removeStale(file);
    return () => {
      // Another process may have its own file there by now.
      if (lstatSync(file, { throwIfNoEntry: false })?.ino === ino) rmSync(file, { force: true });
    };
  } finally {
    rmSync(made, { force: true });
  }
}

/** A free name in the same directory. */
function besides(file: string): string {
  return path.join(path.dirname(file), `.${randomBytes(6).toString('hex')}`);
}

/** Gives the file a second name; false if something has that name. */
function isLinked(from: string, to: string): boolean {
  return succeeds(() => linkSync(from, to), 'EEXIST');
}

/** False if `work` fails with this code. */
function succeeds(work: () => void, code: string): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === code) return false;
    throw error;
  }
}

/** Removes the socket of a process that is gone. Throws if the file is anything else. */
async function removeStale(file: string): Promise<void> {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`cannot listen on ${file}: the file is not a socket`);
  if (await isAccepting(file)) throw inUse(file);
  // Another process may have replaced the stale file since. So it is taken aside, and looked at again.
  const aside = besides(file);
  if (!succeeds(() => renameSync(file, aside), 'ENOENT')) return;
  if (await isAccepting(aside)) {
    isLinked(aside, file);
    rmSync(aside);
    throw inUse(file);
  }
  rmSync(aside);
}

function inUse(file: string): Error {
  const message = `cannot listen on ${file}: another process accepts connections there`;
  return Object.assign(new Error(message), { code: 'EADDRINUSE' });
}

function isAccepting(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = network.connect({ file }, new Probe(resolve), () => {
      probe.handler = nobody;
      probe.destroy();
      resolve(true);
    });
  });
}

/** Learns why a connection to a file fails. */
class Probe extends QuietHandler {
  readonly #found: (isAccepting: boolean) => void;

  constructor(found: (isAccepting: boolean) => void) {
    super();
    this.#found = found;
  }

  override onError(error: NodeJS.ErrnoException): void {
    // Without permission to connect, nothing is known, so nothing is removed.
    this.#found(error.code !== 'ECONNREFUSED');
  }
}
