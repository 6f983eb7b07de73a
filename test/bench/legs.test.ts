import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { openLegs } from '../../bench/legs.ts';

/** A server that sends everything back. */
async function echo(t: TestContext): Promise<{ host: string; port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

suite('the network of a case', () => {
  test('over TCP: the database itself', async () => {
    const legs = await openLegs({ host: '127.0.0.1', port: 1 }, '/sockets', 'tcp');
    assert.deepEqual(legs.database, { host: '127.0.0.1', port: 1 });
    assert.equal(legs.socketDirectory, null);
    await legs.close();
  });

  test('over Unix sockets: the directory of the socket, for both legs', async () => {
    const legs = await openLegs({ host: '127.0.0.1', port: 1 }, '/sockets', 'unix');
    assert.deepEqual(legs.database, { host: '/sockets', port: 1 });
    assert.equal(legs.socketDirectory, '/sockets');
    await legs.close();
  });

  test('delayed: each direction takes a millisecond, and the order is kept', async (t) => {
    const legs = await openLegs(await echo(t), '/sockets', 'delayed');
    const client = connect(legs.database.port, legs.database.host);
    client.setEncoding('latin1').setNoDelay();
    await once(client, 'connect');
    const times: number[] = [];
    for (let trip = 0; trip < 20; trip++) {
      const start = performance.now();
      client.write(`${trip};`);
      client.write(`${trip + 100};`);
      let received = '';
      while (received.length < `${trip};${trip + 100};`.length) {
        const [data]: string[] = await once(client, 'data');
        received += data ?? '';
      }
      assert.equal(received, `${trip};${trip + 100};`);
      times.push(performance.now() - start);
    }
    assert.ok(Math.min(...times) >= 2, `the shortest trip took ${Math.min(...times)} ms`);
    const closed = once(client, 'close');
    await legs.close();
    await closed;
    await assert.rejects(once(connect(legs.database.port, legs.database.host), 'connect'));
  });
});
