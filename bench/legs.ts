import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Network } from './cases.ts';
import type { TargetSetup } from './targets/target.ts';

/** The delay of data between proxy and database in a delayed network, in each direction, in milliseconds. */
const delay = 1;

/** The addresses at which the proxies find the database, and at which they listen. */
export interface Legs extends Pick<TargetSetup, 'database' | 'socketDirectory'> {
  readonly close: () => Promise<void>;
}

type Address = TargetSetup['database'];

/** A request to the program `delayed-network.ts`. */
export interface DelayOrder {
  readonly target: Address;
  /** In milliseconds. */
  readonly delay: number;
}

/** Prepares a network between proxies and the database, which listens on TCP and in this directory. */
export async function openLegs(
  { host, port }: Address,
  socketDirectory: string,
  network: Network,
): Promise<Legs> {
  if (network === 'delayed') return openDelayed({ host, port });
  const close = (): Promise<void> => Promise.resolve();
  if (network === 'tcp') return { database: { host, port }, socketDirectory: null, close };
  return { database: { host: socketDirectory, port }, socketDirectory, close };
}

async function openDelayed(target: Address): Promise<Legs> {
  const child = fork(path.join(import.meta.dirname, 'delayed-network.ts'));
  const exited = once(child, 'exit');
  child.send({ target, delay } satisfies DelayOrder);
  const [answer]: { readonly port: number }[] = await Promise.race([
    once(child, 'message'),
    exited.then(() => []),
  ]);
  if (answer === undefined) throw new Error('the delayed network ended at its start');
  return {
    database: { host: '127.0.0.1', port: answer.port },
    socketDirectory: null,
    close: async () => {
      child.disconnect();
      await exited;
    },
  };
}
