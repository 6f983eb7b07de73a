import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, lstatSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { network } from './network.ts';
import { ignoring, QuietHandler } from './quiet-handler.ts';

/**
 * Creates the file of a Unix socket with these permissions; `listen` listens on the path that it gets. Resolves to a
 * function that removes the file. The file of a process that no longer runs is replaced. It is an error if another
 * process accepts connections on the file, or if the file is not a socket.
 *
 * The socket is created under a temporary name and then linked, because a link never replaces a file: if two processes
 * start together, only one gets the name. The permissions are set before others can see the file.
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
      // Another process may have created its own file there in the meantime.
      if (lstatSync(file, { throwIfNoEntry: false })?.ino === ino) rmSync(file, { force: true });
    };
  } finally {
    rmSync(made, { force: true });
  }
}

/** An unused name in the same directory. */
function besides(file: string): string {
  return path.join(path.dirname(file), `.${randomBytes(6).toString('hex')}`);
}

/** Links the file to a second name; false if that name is in use. */
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

/** Removes the socket of a process that no longer runs. Throws if the file is anything else. */
async function removeStale(file: string): Promise<void> {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error(`cannot listen on ${file}: the file is not a socket`);
  if (await isAccepting(file)) throw inUse(file);
  // Another process may have replaced the stale file since then, so it is renamed and checked again.
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
      probe.handler = ignoring;
      probe.destroy();
      resolve(true);
    });
  });
}

/** Records why a connection to a file fails. */
class Probe extends QuietHandler {
  readonly #found: (isAccepting: boolean) => void;

  constructor(found: (isAccepting: boolean) => void) {
    super();
    this.#found = found;
  }

  override onError(error: NodeJS.ErrnoException): void {
    // Without permission to connect, the state is unknown, so nothing is removed.
    this.#found(error.code !== 'ECONNREFUSED');
  }
}
