import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { suite, test } from 'node:test';
import { FaultProxy } from '../../src/index.ts';

suite('the faulty network', () => {
  test('keeps the order of the bytes, and the end after them, when a delay ends', async (t) => {
    const server = createServer((socket) => {
      socket.on('data', (chunk) => {
        if (chunk.toString() === 'd') socket.end(chunk);
        else socket.write(chunk);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const network = await FaultProxy.start({ host: '127.0.0.1', port });
    t.after(() => network.stop());
    const client = connect(network.port, network.host);
    await once(client, 'connect');
    const received: string[] = [];
    client.on('data', (chunk: Buffer) => received.push(chunk.toString()));
    const all = (): string => received.join('');
    client.write('a');
    while (all() === '') await once(client, 'data');
    await network.set({ delay: 100 });
    client.write('b');
    // Everything is in one process: after some event loop turns the network has the data, and holds it back.
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    await network.set('pass');
    client.write('c');
    while (all().length < 3) await once(client, 'data');
    assert.equal(all(), 'abc');
    await network.set({ delay: 100 });
    client.write('d');
    await once(client, 'end');
    assert.equal(all(), 'abcd');
  });
});
