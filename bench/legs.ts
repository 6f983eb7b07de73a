import { FaultProxy } from '@sluice/testkit';
import type { Postgres } from '@sluice/testkit';
import type { Network } from './cases.ts';
import type { TargetSetup } from './targets/target.ts';

/** The delay of data between proxy and database in a delayed network, in each direction. */
const delayMs = 1;

/** The addresses at which the proxies find the database, and at which they listen. */
export interface Legs extends Pick<TargetSetup, 'database' | 'socketDirectory'> {
  readonly close: () => Promise<void>;
}

/** Prepares a network between proxies and the database, which listens on TCP and in this directory. */
export async function openLegs(
  postgres: Postgres,
  socketDirectory: string,
  network: Network,
): Promise<Legs> {
  if (network === 'delayed') {
    const delayed = await FaultProxy.start(postgres);
    await delayed.set({ delay: delayMs });
    return { database: delayed, socketDirectory: null, close: () => delayed.stop() };
  }
  const close = (): Promise<void> => Promise.resolve();
  if (network === 'tcp') return { database: postgres, socketDirectory: null, close };
  return { database: { host: socketDirectory, port: postgres.port }, socketDirectory, close };
}
