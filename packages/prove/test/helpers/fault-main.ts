/**
 * A fault proxy in a separate process, so that it does not share the event loop of the measurement. HTTP requests
 * control it.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { FaultProxy } from '@sluice/testkit';
import type { Fault } from '@sluice/testkit';

process.once('disconnect', () => process.exit(0));
process.once('message', (target) => void serve(target as { host: string; port: number }));

async function serve(target: { host: string; port: number }): Promise<void> {
  const proxy = await FaultProxy.start(target);
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? '', 'http://localhost');
      const fault = JSON.parse(url.searchParams.get('fault') ?? '"pass"') as Fault;
      const ms = Number(url.searchParams.get('ms') ?? 0);
      const startedAt = performance.now();
      await proxy.set(fault);
      if (ms > 0) {
        await delay(ms);
        await proxy.set('pass');
      }
      response.end(String(performance.now() - startedAt));
    })();
  });
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    process.send?.({ port: proxy.port, orders: port });
  });
}
