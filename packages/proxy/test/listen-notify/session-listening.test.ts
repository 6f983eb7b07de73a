import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { buildQuery } from '@sluice/wire';
import { clock } from '../../src/io/clock.ts';
import { channelsSql } from '../../src/listen-notify/notification.ts';
import { ListeningBench, notification, stranger } from './listening-bench.ts';
import type { ListeningClient } from './listening-bench.ts';

const refused = { severity: 'ERROR', sqlstate: '42501', message: 'permission denied' };

/** A session whose lease has not ended, and the server of that lease. */
async function leased(bench: ListeningBench): Promise<ListeningClient> {
  const session = bench.session();
  await bench.lease(session);
  await bench.turn();
  return session;
}

suite('what a session listens to', () => {
  test('goes to the listening connection, and the lease can end', async () => {
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
    assert.deepEqual(session.heard(), [`A ${stranger} orders one`]);
    assert.equal(session.since, clock.now);
  });

  test('is asked of the database only when a statement may have changed it', async () => {
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

  test('ends with UNLISTEN', async () => {
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
    assert.deepEqual(session.heard(), []);
  });

  test('is listened to in later leases too, and given up at their ends', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    await bench.lease(session);
    assert.ok(session.listening.isTracked);
    assert.ok(session.listening.isLeased);
    await bench.turn();
    assert.deepEqual(bench.channelsOf(bench.servers[0]), ['orders']);
    const { connection, resumed } = session;
    session.endLease();
    // What is sent now must find the channels listened to.
    assert.ok(connection?.lease.isPaused);
    assert.ok(!session.listening.isTracked);
    await bench.turn();
    assert.equal(session.resumed, resumed + 1);
    assert.equal(session.connection, null);
    assert.deepEqual(bench.channelsOf(bench.servers[0]), []);
    assert.equal(connection?.state.needsReset, false);
  });

  test('leaves the connection to be reset when it cannot be given up', async () => {
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

  test('is as before when LISTEN in front of a lease has failed', async () => {
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
    assert.deepEqual(session.heard(), [`A ${stranger} orders one`]);
    // The next lease is not blind.
    bench.servers[0]?.errors.clear();
    await bench.lease(session);
    session.run('UNLISTEN "orders"');
    await bench.turn();
    assert.deepEqual(session.channels, []);
  });

  test('may grow while more is taken over', async () => {
    const bench = new ListeningBench();
    const session = await leased(bench);
    session.run('LISTEN "orders"');
    for (const server of bench.servers) server.answer();
    // The database is being asked; the next LISTEN comes before the mark.
    bench.servers[0]?.answer();
    session.listening.mayChange(false);
    bench.servers[0]?.rowsOf('LISTEN "stock"');
    await bench.turn();
    session.endLease();
    await bench.turn();
    assert.deepEqual(session.channels, ['orders', 'stock']);
    assert.equal(session.connection, null);
    bench.notify('stock', 'one');
    assert.deepEqual(session.heard(), [`A ${stranger} stock one`]);
  });

  test('stays on the lease where the client reads another encoding', async () => {
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
    assert.deepEqual(session.heard(), [`A ${stranger} orders one`]);
    // The pin ends with what it is for.
    session.run('UNLISTEN *');
    await bench.turn();
    assert.ok(!session.isPinned);
  });

  test('stays on the lease when the database does not say what it is', async () => {
    const bench = new ListeningBench();
    const session = await leased(bench);
    bench.servers[0]?.errors.set(channelsSql, refused);
    session.run('LISTEN "orders"');
    await bench.turn();
    assert.ok(session.isPinned);
    assert.ok(!session.listening.unsettled);
  });

  test('stays on the lease when no mark can be set', async () => {
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

  test('stays on the lease as long as there is no listening connection', async () => {
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
    assert.deepEqual(session.heard(), [
      `A ${stranger} orders from the lease`,
      `A ${stranger} orders from the other`,
    ]);
  });

  test('hides the mark from statements of the client', async () => {
    const bench = new ListeningBench();
    const session = await leased(bench);
    session.run('LISTEN "orders"');
    await bench.turn();
    // The lease is not kept: nobody sees it.
    assert.deepEqual(bench.channelsOf(bench.servers[0]), ['mark', 'orders']);
    assert.ok(session.connection);
    assert.ok(session.listening.settle(session.connection, false));
    assert.ok(!session.listening.settle(session.connection, true));
    await bench.turn();
    assert.deepEqual(bench.channelsOf(bench.servers[0]), ['orders']);
    assert.ok(session.listening.settle(session.connection, true));
  });

  test('is given up when the session ends', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    const other = await bench.listening('orders');
    session.listening.end();
    bench.notify('orders', 'one');
    assert.deepEqual(session.heard(), []);
    assert.deepEqual(other.heard(), [`A ${stranger} orders one`]);
    assert.deepEqual(bench.channelsOf(bench.servers[1]), ['mark', 'orders']);
    other.listening.end();
    await bench.turn();
    assert.deepEqual(bench.channelsOf(bench.servers[1]), ['mark']);
    assert.equal(bench.listener.sessions, 0);
  });

  test('is lost with the lease while it is not taken over', async () => {
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

  test('is forgotten as far as the answer comes too late', async () => {
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
  test('of the session itself come once, with the id that the client knows', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    await bench.lease(session);
    session.told();
    session.send(buildQuery('NOTIFY "orders", \'mine\''));
    await bench.turn();
    assert.deepEqual(session.told(), [
      `A ${session.clientProcessId} orders mine`,
      'C NOTIFY',
      'ZI',
    ]);
    session.endLease();
    await bench.turn();
    assert.deepEqual(session.heard(), []);
    bench.notify('orders', 'theirs');
    assert.deepEqual(session.heard(), [`A ${stranger} orders theirs`]);
  });

  test('with the same words come as often as they were sent', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    await bench.lease(session);
    for (let count = 0; count < 3; count++) session.send(buildQuery('NOTIFY "orders", \'mine\''));
    await bench.turn();
    session.endLease();
    await bench.turn();
    assert.deepEqual(session.heard().length, 3);
  });

  test('wait while a transaction is open', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    session.takesNotifications = false;
    bench.notify('orders', 'one');
    bench.notify('orders', 'two');
    assert.deepEqual(session.heard(), []);
    session.takesNotifications = true;
    bench.notify('orders', 'three');
    assert.deepEqual(session.heard(), [], 'none overtakes another');
    session.listening.flush();
    assert.deepEqual(session.heard(), [
      `A ${stranger} orders one`,
      `A ${stranger} orders two`,
      `A ${stranger} orders three`,
    ]);
  });

  test('that wait are not told when the session does not listen any more', async () => {
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
    assert.deepEqual(session.heard(), []);
  });

  test('that a client does not read end it, beyond a bound', async () => {
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

  test('that were told do not count any more', async () => {
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

  test('of the session itself count until the other connection has brought them', async () => {
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
      assert.equal(session.heard().length, 5);
    }
    assert.equal(session.endedBy, null);
  });

  test('that may have been lost are told as a warning', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    bench.lose(bench.servers[1]);
    await bench.turn();
    assert.deepEqual(session.heard(), ['N 01000']);
    assert.deepEqual(bench.channelsOf(bench.servers[2]), ['mark', 'orders']);
    bench.notify('orders', 'one');
    assert.deepEqual(session.heard(), [`A ${stranger} orders one`]);
  });

  test('of its own that were told do not come again after a loss', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    await bench.lease(session);
    await bench.turn();
    const [lease, listening] = bench.servers;
    // The lease tells it; the listening connection is lost before it brings it.
    lease?.socket.feed(notification(1, 'orders', 'mine'));
    assert.deepEqual(session.heard(), [`A ${session.clientProcessId} orders mine`]);
    bench.lose(listening);
    session.endLease();
    await bench.turn();
    assert.deepEqual(session.heard(), ['N 01000']);
    // Another has sent the same words since: it is news.
    bench.notify('orders', 'mine', 1);
    assert.deepEqual(session.heard(), ['A 1 orders mine']);
  });

  test('of others on a lease that listens too come from the listening connection only', async () => {
    const bench = new ListeningBench();
    const session = await bench.listening('orders');
    await bench.lease(session);
    await bench.turn();
    bench.servers[0]?.socket.feed(notification(stranger, 'orders', 'one'));
    assert.deepEqual(session.heard(), []);
    bench.servers[1]?.socket.feed(notification(stranger, 'orders', 'one'));
    assert.deepEqual(session.heard(), [`A ${stranger} orders one`]);
  });

  test('come once each, in order, however the answers fall while the channel is taken over', async () => {
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
        const told = session.heard().map((reply) => reply.split(' ').at(-1));
        assert.deepEqual(
          told,
          Array.from({ length: sent }, (_, number) => `${number}`),
        );
      }),
      { numRuns: 30 },
    );
  });
});
