import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { buildQuery } from '@sluice/wire';
import { clock } from '../../src/io/clock.ts';
import { channelsSql } from '../../src/listen-notify/notification.ts';
import { ListeningBench, notification, stranger } from './listening-bench.ts';
import type { ListeningClient } from './listening-bench.ts';

const refused = { severity: 'ERROR', sqlstate: '42501', message: 'permission denied' };

/** A session with a lease, and the server of the lease. */
async function leased(bench: ListeningBench): Promise<ListeningClient> {
  const session = bench.session();
  await bench.lease(session);
  await bench.turn();
  return session;
}

suite('the channels of a session', () => {
  test('move to the listening connection, and the lease can end', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders', 'stock');
    assert.equal(session.connection, null);
    assert.deepEqual(session.channels, ['orders', 'stock']);
    assert.equal(session.listening.size, 2);
    assert.ok(!session.listening.unsettled);
    assert.ok(!session.listening.isLeased);
    assert.ok(!session.isPinned);
    const [lease, listening] = bench.servers;
    assert.deepEqual(bench.channelsOf(lease), []);
    assert.deepEqual(bench.channelsOf(listening), ['mark', 'orders', 'stock']);
    assert.equal(bench.listener.sessions, 1);
    bench.notify('orders', 'one');
    bench.notify('news', 'two');
    assert.deepEqual(session.takeReceived(), [`A ${stranger} orders one`]);
    assert.equal(session.since, clock.now);
  });

  test('are read from the database only if a statement may have changed them', async () => {
    const bench = new ListeningBench();
    const session = await leased(bench);
    session.run('SELECT 1');
    session.listening.forgetChange();
    await bench.turn();
    assert.ok(!bench.servers[0]?.received.includes(`Q ${channelsSql}`));
    session.run('SELECT 2');
    assert.ok(session.listening.unsettled);
    assert.ok(session.listening.isLeased);
    await bench.turn();
    assert.ok(bench.servers[0]?.received.includes(`Q ${channelsSql}`));
    assert.ok(!session.listening.unsettled);
    session.endLease();
    await bench.turn();
    assert.equal(session.connection, null);
    assert.equal(bench.servers.length, 1);
  });

  test('are removed by UNLISTEN', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders', 'stock');
    await bench.lease(session);
    session.run('UNLISTEN "orders"');
    await bench.turn();
    assert.deepEqual(session.channels, ['stock']);
    assert.deepEqual(bench.channelsOf(bench.servers[1]), ['mark', 'stock']);
    session.run('UNLISTEN *');
    await bench.turn();
    assert.deepEqual(session.channels, []);
    assert.equal(bench.listener.sessions, 0);
    session.endLease();
    await bench.turn();
    assert.equal(session.connection, null);
    bench.notify('orders', 'one');
    assert.deepEqual(session.takeReceived(), []);
  });

  test('are LISTENed to in later leases too, and UNLISTENed at their ends', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    await bench.lease(session);
    assert.ok(session.listening.isTracked);
    assert.ok(session.listening.isLeased);
    await bench.turn();
    assert.deepEqual(bench.channelsOf(bench.servers[0]), ['orders']);
    const { connection, resumed } = session;
    session.endLease();
    // Requests from now on must find the LISTEN channels.
    assert.ok(connection?.lease.isPaused);
    assert.ok(!session.listening.isTracked);
    await bench.turn();
    assert.equal(session.resumed, resumed + 1);
    assert.equal(session.connection, null);
    assert.deepEqual(bench.channelsOf(bench.servers[0]), []);
    assert.equal(connection?.state.needsReset, false);
  });

  test('leave the connection to be reset if UNLISTEN fails', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    await bench.lease(session);
    await bench.turn();
    bench.servers[0]?.errors.set('UNLISTEN *', refused);
    session.endLease();
    await bench.turn();
    assert.equal(session.connection, null);
    assert.ok(bench.servers[0]?.received.includes('Q DISCARD ALL'));
  });

  test('stay unchanged after a failed LISTEN at the start of a lease', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    bench.servers[0]?.errors.set('LISTEN "orders"', refused);
    await bench.lease(session);
    session.run('SELECT 1');
    await bench.turn();
    assert.deepEqual(session.channels, ['orders']);
    bench.notify('orders', 'one');
    session.endLease();
    await bench.turn();
    assert.deepEqual(session.takeReceived(), [`A ${stranger} orders one`]);
    // The next lease LISTENs.
    bench.servers[0]?.errors.clear();
    await bench.lease(session);
    session.run('UNLISTEN "orders"');
    await bench.turn();
    assert.deepEqual(session.channels, []);
  });

  test('may change while others are taken over', async () => {
    const bench = new ListeningBench();
    const session = await leased(bench);
    session.run('LISTEN "orders"');
    for (const server of bench.servers) server.answer();
    // The query is running; the next LISTEN comes before the marker.
    bench.servers[0]?.answer();
    session.listening.mayChange(false);
    bench.servers[0]?.rowsOf('LISTEN "stock"');
    await bench.turn();
    session.endLease();
    await bench.turn();
    assert.deepEqual(session.channels, ['orders', 'stock']);
    assert.equal(session.connection, null);
    bench.notify('stock', 'one');
    assert.deepEqual(session.takeReceived(), [`A ${stranger} stock one`]);
  });

  test('stay on the lease if the client has another encoding', async () => {
    const bench = new ListeningBench();
    const session = await leased(bench);
    session.connection?.state.reported.set('client_encoding', 'LATIN1');
    session.run('LISTEN "orders"');
    await bench.turn();
    assert.ok(session.isPinned);
    assert.deepEqual(session.channels, []);
    session.endLease();
    await bench.turn();
    assert.ok(session.connection);
    bench.notify('orders', 'one');
    assert.deepEqual(session.takeReceived(), [`A ${stranger} orders one`]);
    // The pin ends with its reason.
    session.run('UNLISTEN *');
    await bench.turn();
    assert.ok(!session.isPinned);
  });

  test('stay on the lease if they cannot be read from the database', async () => {
    const bench = new ListeningBench();
    const session = await leased(bench);
    bench.servers[0]?.errors.set(channelsSql, refused);
    session.run('LISTEN "orders"');
    await bench.turn();
    assert.ok(session.isPinned);
    assert.ok(!session.listening.unsettled);
  });

  test('stay on the lease if the marker cannot be sent', async () => {
    const bench = new ListeningBench();
    const session = await leased(bench);
    bench.servers[0]?.errors.set(`LISTEN "${bench.listener.markChannel}"`, refused);
    session.run('LISTEN "orders"');
    await bench.turn();
    assert.ok(session.isPinned);
    assert.deepEqual(session.channels, []);
    assert.equal(session.listening.size, 0);
    assert.ok(!session.connection?.lease.isPaused);
    assert.equal(session.resumed, 1);
  });

  test('stay on the lease as long as there is no listening connection', async () => {
    const bench = new ListeningBench();
    const session = await leased(bench);
    const { source } = bench;
    bench.target.next = null;
    session.run('LISTEN "orders"');
    await bench.turn();
    assert.ok(session.isPinned);
    assert.ok(!session.connection?.lease.isPaused);
    bench.notify('orders', 'from the lease');
    bench.target.next = source;
    const { now } = clock;
    clock.now += 1000;
    bench.listener.tick();
    clock.now = now;
    await bench.turn();
    assert.ok(!session.isPinned);
    session.endLease();
    await bench.turn();
    assert.equal(session.connection, null);
    bench.notify('orders', 'from the other');
    assert.deepEqual(session.takeReceived(), [
      `A ${stranger} orders from the lease`,
      `A ${stranger} orders from the other`,
    ]);
  });

  test('do not include the marker in statements of the client', async () => {
    const bench = new ListeningBench();
    const session = await leased(bench);
    session.run('LISTEN "orders"');
    await bench.turn();
    // The lease does not show it.
    assert.deepEqual(bench.channelsOf(bench.servers[0]), ['mark', 'orders']);
    assert.ok(session.connection);
    assert.ok(session.listening.settle(session.connection, false));
    assert.ok(!session.listening.settle(session.connection, true));
    await bench.turn();
    assert.deepEqual(bench.channelsOf(bench.servers[0]), ['orders']);
    assert.ok(session.listening.settle(session.connection, true));
  });

  test('are given up when the session ends', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    const other = await bench.listening('orders');
    session.listening.end();
    bench.notify('orders', 'one');
    assert.deepEqual(session.takeReceived(), []);
    assert.deepEqual(other.takeReceived(), [`A ${stranger} orders one`]);
    assert.deepEqual(bench.channelsOf(bench.servers[1]), ['mark', 'orders']);
    other.listening.end();
    await bench.turn();
    assert.deepEqual(bench.channelsOf(bench.servers[1]), ['mark']);
    assert.equal(bench.listener.sessions, 0);
  });

  test('are lost with the lease until they are taken over', async () => {
    const bench = new ListeningBench();
    const session = await leased(bench);
    const { listening } = session;
    assert.ok(!listening.losesState(false));
    listening.mayChange(true);
    assert.ok(!listening.losesState(true), 'the transaction undoes it');
    assert.ok(listening.losesState(false));
    listening.mayChange(false);
    assert.ok(listening.losesState(true));
    session.run('LISTEN "orders"');
    bench.servers[0]?.answer();
    assert.ok(listening.losesState(true), 'the database is being asked');
    await bench.turn();
    assert.ok(!listening.losesState(false));
  });

  test('are forgotten if the reply comes too late', async () => {
    const bench = new ListeningBench();
    const session = await leased(bench);
    session.run('LISTEN "orders"');
    bench.servers[0]?.answer();
    bench.lose(bench.servers[0]);
    session.listening.leaseEnded();
    await bench.turn();
    assert.ok(!session.isPinned);
    assert.ok(!session.listening.unsettled);
    assert.deepEqual(session.channels, []);
  });
});

suite('notifications', () => {
  test('of the session itself arrive once, with the process ID that the client knows', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    await bench.lease(session);
    session.replies();
    session.send(buildQuery('NOTIFY "orders", \'mine\''));
    await bench.turn();
    assert.deepEqual(session.replies(), [
      `A ${session.clientProcessId} orders mine`,
      'C NOTIFY',
      'ZI',
    ]);
    session.endLease();
    await bench.turn();
    assert.deepEqual(session.takeReceived(), []);
    bench.notify('orders', 'theirs');
    assert.deepEqual(session.takeReceived(), [`A ${stranger} orders theirs`]);
  });

  test('with the same payload arrive as often as they were sent', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    await bench.lease(session);
    for (let count = 0; count < 3; count++) session.send(buildQuery('NOTIFY "orders", \'mine\''));
    await bench.turn();
    session.endLease();
    await bench.turn();
    assert.deepEqual(session.takeReceived().length, 3);
  });

  test('wait during a transaction', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    session.takesNotifications = false;
    bench.notify('orders', 'one');
    bench.notify('orders', 'two');
    assert.deepEqual(session.takeReceived(), []);
    session.takesNotifications = true;
    bench.notify('orders', 'three');
    assert.deepEqual(session.takeReceived(), [], 'none overtakes another');
    session.listening.flush();
    assert.deepEqual(session.takeReceived(), [
      `A ${stranger} orders one`,
      `A ${stranger} orders two`,
      `A ${stranger} orders three`,
    ]);
  });

  test('that wait are dropped when the session no longer listens', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    await bench.lease(session);
    await bench.turn();
    session.takesNotifications = false;
    bench.notify('orders', 'one');
    session.run('UNLISTEN *');
    await bench.turn();
    session.takesNotifications = true;
    session.listening.flush();
    assert.deepEqual(session.takeReceived(), []);
  });

  test('end a client that does not read them, beyond a limit', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    session.takesNotifications = false;
    const payload = 'x'.repeat(100_000);
    for (let count = 0; count < 10; count++) bench.notify('orders', payload);
    await bench.turn();
    assert.equal(session.endedBy, null);
    bench.notify('orders', payload);
    assert.equal(session.endedBy, null, 'not in the middle of an answer');
    await bench.turn();
    assert.equal(session.endedBy, 'NOTIFICATIONS_NOT_READ');
  });

  test('that were delivered no longer count', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    const payload = 'x'.repeat(100_000);
    for (let round = 0; round < 4; round++) {
      session.takesNotifications = false;
      for (let count = 0; count < 5; count++) bench.notify('orders', payload);
      session.takesNotifications = true;
      session.listening.flush();
    }
    await bench.turn();
    assert.equal(session.endedBy, null);
    session.unread = 2_000_000;
    bench.notify('orders', 'x');
    await bench.turn();
    assert.equal(session.endedBy, 'NOTIFICATIONS_NOT_READ');
  });

  test('of the session itself count until the listening connection has delivered them', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    const payload = 'x'.repeat(100_000);
    for (let round = 0; round < 4; round++) {
      await bench.lease(session);
      for (let count = 0; count < 5; count++)
        session.send(buildQuery(`NOTIFY "orders", '${payload}'`));
      await bench.turn();
      session.endLease();
      await bench.turn();
      assert.equal(session.takeReceived().length, 5);
    }
    assert.equal(session.endedBy, null);
  });

  test('that may have been lost cause a warning', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    bench.lose(bench.servers[1]);
    await bench.turn();
    assert.deepEqual(session.takeReceived(), ['N 01000']);
    assert.deepEqual(bench.channelsOf(bench.servers[2]), ['mark', 'orders']);
    bench.notify('orders', 'one');
    assert.deepEqual(session.takeReceived(), [`A ${stranger} orders one`]);
  });

  test('of its own that were delivered are not repeated after a loss', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    await bench.lease(session);
    await bench.turn();
    const [lease, listening] = bench.servers;
    // The lease delivers it; the listening connection is lost before it does.
    lease?.socket.feed(notification(1, 'orders', 'mine'));
    assert.deepEqual(session.takeReceived(), [`A ${session.clientProcessId} orders mine`]);
    bench.lose(listening);
    session.endLease();
    await bench.turn();
    assert.deepEqual(session.takeReceived(), ['N 01000']);
    // Another session has sent the same payload since, which is a new notification.
    bench.notify('orders', 'mine', 1);
    assert.deepEqual(session.takeReceived(), ['A 1 orders mine']);
  });

  test('of others arrive only over the listening connection, even if the lease listens too', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    await bench.lease(session);
    await bench.turn();
    bench.servers[0]?.socket.feed(notification(stranger, 'orders', 'one'));
    assert.deepEqual(session.takeReceived(), []);
    bench.servers[1]?.socket.feed(notification(stranger, 'orders', 'one'));
    assert.deepEqual(session.takeReceived(), [`A ${stranger} orders one`]);
  });

  test('arrive once each, in order, whenever the replies arrive during the takeover', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3), { maxLength: 60 }), async (steps) => {
        const bench = new ListeningBench();
        const session = await leased(bench);
        session.run('LISTEN "orders"');
        let sent = 0;
        for (const step of steps) {
          const server = bench.servers[step];
          if (step === 2) {
            if (bench.channelsOf(bench.servers[0]).includes('orders'))
              bench.notify('orders', `${sent++}`);
          } else if (step === 3) await Promise.resolve();
          else server?.answer(1);
        }
        await bench.turn();
        session.endLease();
        await bench.turn();
        assert.equal(session.connection, null);
        bench.notify('orders', `${sent++}`);
        const payloads = session.takeReceived().map((reply) => reply.split(' ').at(-1));
        assert.deepEqual(
          payloads,
          Array.from({ length: sent }, (_, number) => `${number}`),
        );
      }),
      { numRuns: 30 },
    );
  });
});
