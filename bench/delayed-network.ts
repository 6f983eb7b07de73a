/**
 * The program that delays data between proxy and database. It is a process of its own, so that it can sleep while data
 * is on its way: turns of the event loop would take a processor from what is measured.
 *
 * It receives `{ target, delay }` over IPC, and answers with `{ port }`.
 */
import { FaultProxy, napWhileWaiting } from '@sluice/testkit';
import type { DelayOrder } from './legs.ts';

napWhileWaiting();
process.once('message', ({ target, delay }: DelayOrder) => {
  void FaultProxy.start(target).then(async (network) => {
    await network.set({ delay });
    process.send?.({ port: network.port });
  });
});
process.once('disconnect', () => process.exit());
