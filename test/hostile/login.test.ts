import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cancelPacket,
  gssEncRequest,
  sslRequest,
  startupPacket,
  summary,
} from '../helpers/messages.ts';
import { DatabaseError, RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';

const routes = ['node', 'bun'] as const;
const startup = startupPacket({ user: 'ann', database: 'shop' });

onEachRoute('before the login', { routes }, (route) => {
  for (const [what, requests] of [
    ['SSLRequest', [sslRequest, sslRequest]],
    ['GSSENCRequest', [gssEncRequest, gssEncRequest]],
    ['SSLRequest behind GSSENCRequest', [gssEncRequest, sslRequest, gssEncRequest]],
  ] as const) {
    test(`a second ${what} counts as a protocol version, as in PostgreSQL`, async (t) => {
      const client = await route().open(t);
      for (const request of requests.slice(0, -1))
        assert.equal(await client.negotiate(request), 'N');
      client.send(requests.at(-1) ?? startup);
      assert.equal(summary(await client.untilClosed()), 'E 0A000');
    });
  }

  test('a thousand GSSENCRequests at once end the connection', async (t) => {
    const client = await route().open(t);
    client.send(Buffer.concat(Array.from({ length: 1000 }, () => gssEncRequest)));
    await client.closed;
  });

  test('more bytes than a login needs close the connection', async (t) => {
    const client = await route().open(t);
    client.send(startup);
    await client.next();
    client.send(
      Buffer.concat([Buffer.from('p'), Buffer.from([0, 0, 0x20, 0]), Buffer.alloc(0x1fff)]),
    );
    assert.equal(summary(await client.untilClosed()), 'E 08P01');
  });
});

onEachRoute(
  'connections that do not log in',
  { settings: { MaxClientConnections: 10 }, routes },
  (route) => {
    test('are counted from the first byte, and make room for others', async (t) => {
      const inside = await route().login(t);
      const silent = await Promise.all(Array.from({ length: 200 }, () => route().open(t)));
      const { sluice } = route();
      await eventually(async () => {
        const open = await sluice.metric('sluice_client_connections');
        assert(open <= 26, `${open} connections`);
      });
      // The oldest silent connections are closed for clients that log in. While all are new, a further connection is
      // closed without an error; a client that gets an answer is admitted.
      const refusals: unknown[] = [];
      for (let logins = 0; logins < 10; logins += 1)
        await eventually(async () => {
          const client = await RawClient.open(route().address);
          await client.login().catch((error: unknown) => {
            if (error instanceof DatabaseError) refusals.push(error);
            throw error;
          });
          client.destroy();
        });
      assert.deepEqual(refusals, []);
      assert.equal(await inside.value('SELECT 1'), '1');
      for (const client of silent) client.destroy();
    });

    test('a cancel request succeeds at the maximum number of clients', async (t) => {
      const busy = await route().login(t);
      const others = [];
      await eventually(async () => {
        assert.equal(await route().sluice.metric('sluice_client_connections'), 1);
      });
      for (let index = 1; index < 10; index += 1) others.push(await route().login(t));
      // A further client is refused before it is asked for its password.
      const refused = await route().open(t);
      refused.send(startup);
      assert.equal(summary(await refused.untilClosed()), 'E 53300');
      const sleeping = busy.query('SELECT pg_sleep(30)');
      await eventually(async () => {
        const active = (await route().backends()).filter(({ state }) => state === 'active');
        assert.equal(active.length, 1);
      });
      const canceller = await route().open(t);
      assert(busy.key !== undefined);
      canceller.send(cancelPacket(busy.key));
      assert.match(summary(await sleeping), /E 57014 \| Z I$/);
    });
  },
);
