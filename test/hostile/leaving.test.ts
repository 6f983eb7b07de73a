import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { startupPacket } from '../helpers/messages.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';

const settings = { ClientAuth: [{ Method: 'trust' }] };

onEachRoute(
  'refused clients that do not disconnect',
  { routes: ['node', 'bun'], settings },
  (route) => {
    test('keep no descriptor of the proxy', async (t) => {
      const { sluice } = route();
      const descriptors = async (): Promise<number> =>
        (await readdir(`/proc/${sluice.pid}/fd`)).length;
      const client = await route().login(t);
      const before = await descriptors();
      const { host, port, user } = route().address;
      const refused = async (index: number): Promise<Socket> => {
        // It never closes its own side.
        const socket = connect({ host, port, allowHalfOpen: true });
        t.after(() => socket.destroy());
        socket.on('error', () => undefined);
        // Every other one with a valid password, for a database that does not exist.
        const isKnown = index % 2 === 0;
        const packet = isKnown
          ? { user, database: 'nowhere' }
          : { user: 'nobody', database: 'shop' };
        socket.write(startupPacket(packet));
        socket.resume();
        await once(socket, 'end');
        return socket;
      };
      const sockets = await Promise.all(Array.from({ length: 40 }, (_, index) => refused(index)));
      // Some keep sending.
      const timer = setInterval(() => {
        for (const socket of sockets.slice(0, 10)) socket.write('x');
      }, 500);
      t.after(() => clearInterval(timer));
      await eventually(async () => {
        const now = await descriptors();
        assert(now <= before + 5, `${now} descriptors, ${before} before`);
      });
      assert.equal(await client.value('SELECT 1'), '1');
    });
  },
);
