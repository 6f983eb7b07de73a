import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';

/*
 * The guardian is a shell that waits for the end of its standard input, a pipe that only this process has. If this
 * process dies without a chance to clean up (SIGKILL), the kernel closes the pipe, and the guardian stops the server
 * and removes its files. It reads the process ID from postmaster.pid, so it never signals a reused process ID.
 *
 * SIGQUIT is PostgreSQL's immediate shutdown: it terminates the children and releases shared memory.
 */
const script = `
trap '' HUP INT TERM
read -r answer
[ "$answer" = dismissed ] && exit 0
pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null)
shift
if [ -n "$pid" ]; then
  kill -QUIT "$pid" 2>/dev/null
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
fi
rm -rf "$@"
`;

/** Monitors a server on behalf of this process. */
export interface Guardian {
  /** Informs the guardian that everything is already cleaned up. */
  readonly dismiss: () => void;
}

/**
 * Starts a guardian for the server in `dataDir`.
 *
 * @param remove - the folders to remove once the server is gone.
 */
export function startGuardian(dataDir: string, remove: readonly string[]): Guardian {
  const child = spawn('/bin/sh', ['-c', script, 'sluice-testkit-guardian', dataDir, ...remove], {
    cwd: '/',
    // A separate session: Ctrl-C in the terminal must reach the owner, which then stops everything in order.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  child.unref();
  // This pipe only has to close when the process exits.
  unrefPipe(child.stdin);
  return { dismiss: () => child.stdin.end('dismissed\n') };
}

/** Lets the event loop end while the pipe is open. The pipes of a child process are sockets, which is undocumented. */
export function unrefPipe(pipe: Readable | Writable): void {
  if (pipe instanceof Socket) pipe.unref();
}
