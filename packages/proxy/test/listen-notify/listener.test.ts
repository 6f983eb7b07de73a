import assert from 'node:assert/strict';
import { afterEach, suite, test } from 'node:test';
import { clock } from '../../src/io/clock.ts';
import { Listeners } from '../../src/listen-notify/listeners.ts';
import type { Audience, Listener } from '../../src/listen-notify/listener.ts';
import type { Channel } from '../../src/listen-notify/notification.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { PoolBench } from '../pool/pool-bench.ts';
import { ListeningBench, notification, stranger } from './listening-bench.ts';

const unreachable = {
  fields: { severity: 'FATAL', sqlstate: '08006', message: 'connection refused' },
  final: false,
};

/** A listening session, and what it received. */
class Listening implements Audience {
  readonly pool: Pool;
  readonly replies: string[] = [];
  mark = '';
  readonly #listener: Listener;

  constructor(bench: ListeningBench, pool: Pool = bench.pool) {
    this.pool = pool;
    this.#listener = bench.listener;
    bench.listener.attach();
  }

  to(...channels: readonly Channel[]): this {
    this.mark = this.#listener.takeOver(this, channels);
    return this;
  }

  /** What it received since the last call. */
  takeReceived(): string[] {
    return this.replies.splice(0);
  }

  notified({ processId, channel, payload }: Parameters<Audience['notified']>[0]): void {
    this.replies.push(`${processId} ${channel} ${payload}`);
  }
  marked(mark: string): void {
    this.replies.push(mark === this.mark ? 'marked' : `marked ${mark}`);
  }
  delayed(why: string): void {
    this.replies.push(`delayed: ${why}`);
  }
  missed(): void {
    this.replies.push('missed');
  }
}

/** A listening connection for a session with the channel `orders`. */
async function open(): Promise<{ bench: ListeningBench; session: Listening }> {
  const bench = new ListeningBench();
  const session = new Listening(bench).to('orders');
  await bench.turn();
  assert.deepEqual(session.takeReceived(), ['marked']);
  return { bench, session };
}

const { now: start } = clock;

afterEach(() => {
  clock.now = start;
});

suite('the listening connection', () => {
  test('is opened when a session listens, beside the pool, with its own parameters', async () => {
    const bench = new ListeningBench();
    const { listener, pool } = bench;
    listener.attach();
    listener.tick();
    await bench.turn();
    assert.deepEqual([listener.connections, listener.ready, pool.aside], [0, false, 0]);
    const session = new Listening(bench).to('orders', 'stock');
    assert.ok(!listener.ready);
    await bench.turn();
    assert.deepEqual([listener.connections, listener.ready, pool.aside], [1, true, 1]);
    assert.equal(pool.size, 0);
    assert.deepEqual(bench.servers[0]?.received, [
      "Q SET client_encoding = 'SQL_ASCII'; SET statement_timeout = 0; SET application_name = 'sluice'",
      'Q SET idle_session_timeout = 0',
      `Q LISTEN "${listener.markChannel}"`,
      'Q LISTEN "orders";LISTEN "stock"',
      'Q SELECT 1',
      `Q NOTIFY "${listener.markChannel}", '1'`,
    ]);
    assert.deepEqual(session.takeReceived(), ['marked']);
    assert.equal(listener.sessions, 1);
  });

  test('LISTENs once to a channel, however many sessions listen', async () => {
    const { bench, session } = await open();
    const other = new Listening(bench).to('orders', 'stock');
    await bench.turn();
    assert.deepEqual(bench.servers[0]?.received.slice(-2), [
      'Q LISTEN "stock"',
      `Q NOTIFY "${bench.listener.markChannel}", '2'`,
    ]);
    const third = new Listening(bench).to('stock');
    await bench.turn();
    assert.equal(
      bench.servers[0]?.received.at(-1),
      `Q NOTIFY "${bench.listener.markChannel}", '3'`,
    );
    assert.equal(bench.listener.sessions, 3);
    assert.deepEqual(other.takeReceived(), ['marked']);
    assert.deepEqual(third.takeReceived(), ['marked']);
    bench.notify('orders', 'one');
    bench.notify('stock', 'two');
    assert.deepEqual(session.takeReceived(), [`${stranger} orders one`]);
    assert.deepEqual(other.takeReceived(), [`${stranger} orders one`, `${stranger} stock two`]);
    assert.equal(bench.listener.stats.notifications, 4);
    bench.servers[0]?.socket.feed(notification(stranger, 'news', 'nobody listens to'));
    assert.equal(bench.listener.stats.notifications, 4);
  });

  test('UNLISTENs when the last session has left a channel', async () => {
    const { bench, session } = await open();
    const { listener } = bench;
    const other = new Listening(bench).to('orders');
    await bench.turn();
    listener.leave(session, 'orders');
    listener.leave(session, 'stock');
    await bench.turn();
    assert.deepEqual(bench.channelsOf(bench.servers[0]), ['mark', 'orders']);
    listener.gone(other, ['orders'], other.mark);
    await bench.turn();
    assert.deepEqual(bench.channelsOf(bench.servers[0]), ['mark']);
    listener.leave(other, 'orders');
    await bench.turn();
    assert.equal(bench.servers[0]?.received.filter((text) => text.includes('UNLISTEN')).length, 1);
  });

  test('does not deliver a marker that no session waits for any longer', async () => {
    const bench = new ListeningBench();
    const session = new Listening(bench).to('orders');
    bench.listener.gone(session, [], session.mark);
    await bench.turn();
    assert.deepEqual(session.takeReceived(), []);
    bench.notify('orders', 'one');
    assert.deepEqual(session.takeReceived(), [`${stranger} orders one`]);
  });

  test('stays for a while when no session listens, and closes then', async () => {
    const { bench, session } = await open();
    const { listener } = bench;
    clock.now += 5000;
    listener.leave(session, 'orders');
    await bench.turn();
    clock.now += 1999;
    listener.tick();
    assert.equal(listener.connections, 1);
    clock.now += 1;
    listener.tick();
    assert.equal(listener.connections, 0);
    assert.equal(bench.pool.aside, 0);
    assert.ok(!listener.isUnused, 'the session may listen again');
    listener.detach();
    assert.ok(listener.isUnused);
    assert.ok(!listener.ready);
  });

  test('is opened again for a later session', async () => {
    const { bench, session } = await open();
    bench.listener.leave(session, 'orders');
    clock.now += 2000;
    bench.listener.tick();
    session.to('orders');
    await bench.turn();
    assert.deepEqual(session.takeReceived(), ['marked']);
    assert.equal(bench.servers.length, 2);
    assert.equal(bench.listener.stats.gaps, 0);
  });

  test('is closed to free a slot when no session listens, and only then', async () => {
    const { bench, session } = await open();
    const closing: Promise<void>[] = [];
    bench.listener.makeWay((closed) => void closing.push(closed));
    assert.equal(bench.listener.connections, 1);
    bench.listener.leave(session, 'orders');
    await bench.turn();
    bench.listener.makeWay((closed) => void closing.push(closed));
    assert.equal(bench.listener.connections, 0);
    assert.equal(closing.length, 1);
    bench.listener.makeWay((closed) => void closing.push(closed));
    assert.equal(closing.length, 1);
  });

  test('is closed when its server or its password has changed', async () => {
    const { bench, session } = await open();
    bench.listener.tick();
    assert.equal(bench.servers.length, 1);
    bench.pool.recycle('the password has changed');
    bench.listener.tick();
    await bench.turn();
    assert.equal(bench.servers.length, 2);
    assert.deepEqual(session.takeReceived(), ['missed']);
    bench.listener.tick();
    assert.equal(bench.listener.connections, 1);
  });

  test('is checked when it has been silent for long', async () => {
    const { bench } = await open();
    const { listener } = bench;
    const [server] = bench.servers;
    clock.now += 9999;
    listener.tick();
    assert.deepEqual(server?.read(), []);
    clock.now += 1;
    listener.tick();
    assert.deepEqual(server?.read(), ['Q']);
    listener.tick();
    assert.deepEqual(server?.read(), [], 'it is asked once');
    clock.now += 9999;
    listener.tick();
    assert.equal(listener.connections, 1);
    server?.answer();
    clock.now += 9999;
    listener.tick();
    assert.equal(listener.connections, 1);
    assert.deepEqual(server?.read(), []);
  });

  test('is closed when it does not respond', async () => {
    const { bench, session } = await open();
    clock.now += 20_000;
    bench.listener.tick();
    await bench.turn();
    assert.equal(bench.servers.length, 2);
    assert.deepEqual(session.takeReceived(), ['missed']);
  });

  test('counts its notifications as signs of life', async () => {
    const { bench } = await open();
    clock.now += 15_000;
    bench.notify('orders', 'one');
    clock.now += 9999;
    bench.listener.tick();
    assert.deepEqual(bench.servers[0]?.read(), []);
    assert.equal(bench.listener.connections, 1);
  });

  test('reports failures to its target, but not those of an earlier server', async () => {
    const { bench } = await open();
    bench.source.generation++;
    bench.lose(bench.servers[0]);
    assert.deepEqual(bench.source.signals, []);
    await bench.turn();
    bench.lose(bench.servers[1]);
    assert.equal(bench.source.signals.length, 1);
  });

  test('ends with the proxy, and is not reopened', async () => {
    const { bench, session } = await open();
    bench.listener.stop();
    assert.equal(bench.listener.connections, 0);
    assert.ok(bench.servers[0]?.socket.destroyed || bench.servers[0]?.socket.writableEnded);
    bench.listener.tick();
    await bench.turn();
    assert.equal(bench.servers.length, 1);
    assert.deepEqual(session.takeReceived(), []);
  });

  test('is dropped if it is opened after the proxy has stopped', async () => {
    const bench = new ListeningBench();
    bench.source.holds = true;
    new Listening(bench).to('orders');
    assert.ok(!bench.listener.isUnused);
    bench.listener.stop();
    assert.equal(bench.pool.aside, 0);
    bench.source.connectHeld();
    await bench.turn();
    assert.ok(bench.servers[0]?.socket.destroyed);
    assert.equal(bench.listener.connections, 0);
  });
});

suite('the listening connection is lost', () => {
  test('another one replaces it immediately, with a warning to all listening sessions', async () => {
    const { bench, session } = await open();
    const other = new Listening(bench).to('orders', 'stock');
    await bench.turn();
    other.takeReceived();
    bench.lose(bench.servers[0]);
    assert.deepEqual([bench.listener.connections, bench.listener.ready], [0, false]);
    clock.now += 1500;
    await bench.turn();
    assert.deepEqual(session.takeReceived(), ['missed']);
    assert.deepEqual(other.takeReceived(), ['missed']);
    const { gaps, gapSeconds } = bench.listener.stats;
    assert.deepEqual([gaps, gapSeconds], [1, 1.5]);
    assert.deepEqual(bench.channelsOf(bench.servers[1]), ['mark', 'orders', 'stock']);
    assert.equal(bench.pool.aside, 1);
  });

  test('a marker that was awaited is sent again', async () => {
    const { bench, session } = await open();
    session.to('stock');
    bench.lose(bench.servers[0]);
    await bench.turn();
    assert.deepEqual(session.takeReceived().sort(), ['marked', 'missed']);
  });

  test('no warning is sent if no session listens', async () => {
    const { bench, session } = await open();
    bench.listener.leave(session, 'orders');
    bench.lose(bench.servers[0]);
    await bench.turn();
    assert.equal(bench.servers.length, 1);
    session.to('orders');
    await bench.turn();
    assert.deepEqual(session.takeReceived(), ['marked']);
    assert.equal(bench.listener.stats.gaps, 0);
  });

  test('before the database accepted every LISTEN: the next attempt comes later', async () => {
    const bench = new ListeningBench();
    const session = new Listening(bench).to('orders');
    await Promise.resolve();
    bench.lose(bench.servers[0]);
    await bench.turn();
    assert.equal(bench.servers.length, 1);
    assert.equal(session.takeReceived().length, 1);
    clock.now += 125;
    bench.listener.tick();
    await bench.turn();
    assert.equal(bench.servers.length, 2);
    assert.deepEqual(session.takeReceived(), ['marked']);
    assert.equal(bench.listener.stats.gaps, 0);
  });

  test('because the database refused a LISTEN', async () => {
    const { bench, session } = await open();
    bench.servers[0]?.errors.set('LISTEN "stock"', {
      severity: 'ERROR',
      sqlstate: '42501',
      message: 'permission denied',
    });
    session.to('stock');
    await bench.turn();
    assert.equal(bench.servers.length, 2);
    assert.deepEqual(session.takeReceived().sort(), ['marked', 'missed']);
  });

  test('but not because an old server does not have idle_session_timeout', async () => {
    const bench = new ListeningBench();
    bench.source.onServer = ((attach) => (server) => {
      attach(server);
      server.errors.set('SET idle_session_timeout = 0', {
        severity: 'ERROR',
        sqlstate: '42704',
        message: 'unrecognized configuration parameter',
      });
    })(bench.source.onServer);
    const session = new Listening(bench).to('orders');
    await bench.turn();
    assert.deepEqual(session.takeReceived(), ['marked']);
    assert.equal(bench.servers.length, 1);
  });

  test('because the database refused the marker', async () => {
    const bench = new ListeningBench();
    bench.source.onServer = (server) => {
      server.errors.set('SELECT 1', { severity: 'ERROR', sqlstate: '53200', message: 'no memory' });
    };
    const session = new Listening(bench).to('orders');
    await bench.turn();
    assert.equal(bench.listener.connections, 0);
    assert.match(session.takeReceived().at(-1) ?? '', /delayed: .*no memory/);
  });
});

suite('the listening connection is not available', () => {
  test('waiting sessions are informed, and attempts become less frequent', async () => {
    const bench = new ListeningBench({ retryMin: 100, retryMax: 250 });
    bench.source.failure = unreachable;
    const session = new Listening(bench).to('orders');
    await bench.turn();
    assert.deepEqual(session.takeReceived(), ['delayed: connection refused']);
    assert.equal(bench.pool.aside, 0);
    for (const pause of [100, 200, 250, 250]) {
      // With 25 % jitter.
      const { attempts } = bench.source;
      clock.now += pause * 0.75 - 1;
      bench.listener.tick();
      assert.equal(bench.source.attempts, attempts);
      clock.now += pause / 2 + 1;
      bench.listener.tick();
      assert.equal(bench.source.attempts, attempts + 1);
      await bench.turn();
    }
    bench.source.failure = null;
    clock.now += 1.25 * 250;
    bench.listener.tick();
    await bench.turn();
    assert.equal(session.takeReceived().at(-1), 'marked');
    // The next failure counts as the first again.
    bench.source.failure = unreachable;
    bench.lose(bench.servers[0]);
    await bench.turn();
    const { attempts } = bench.source;
    clock.now += 125;
    bench.listener.tick();
    assert.equal(bench.source.attempts, attempts + 1);
  });

  test('because no slot is free', async () => {
    const bench = new ListeningBench();
    bench.target.next = null;
    const session = new Listening(bench).to('orders');
    assert.equal(session.takeReceived().length, 1);
    bench.target.next = bench.source;
    clock.now += 125;
    bench.listener.tick();
    await bench.turn();
    assert.deepEqual(session.takeReceived(), ['marked']);
  });

  test('during a pause: the next tick tries again', async () => {
    const bench = new ListeningBench();
    bench.target.pauseReason = 'there is no writer';
    const session = new Listening(bench).to('orders');
    bench.listener.tick();
    assert.equal(bench.source.attempts, 0);
    assert.deepEqual(session.takeReceived(), []);
    bench.target.pauseReason = null;
    bench.listener.tick();
    await bench.turn();
    assert.deepEqual(session.takeReceived(), ['marked']);
  });

  test('for one user, but possibly for another', async () => {
    const bench = new ListeningBench();
    const other = new PoolBench();
    bench.source.failure = unreachable;
    new Listening(bench).to('orders');
    new Listening(bench, other.pool).to('stock');
    await bench.turn();
    clock.now += 125;
    bench.listener.tick();
    await bench.turn();
    await other.turn();
    assert.equal(other.source.attempts, 1);
    assert.equal(bench.source.attempts, 1);
    assert.equal(bench.listener.connections, 1);
  });
});

suite('the listeners of an endpoint', () => {
  test('are closed for a statement that needs exclusive access', () => {
    const listeners = new Listeners();
    const listener = listeners.of('shop');
    let asked = 0;
    listener.makeWay = () => void asked++;
    listeners.makeWay('other', () => undefined);
    assert.equal(asked, 0);
    listeners.makeWay('shop', () => undefined);
    assert.equal(asked, 1);
  });

  test('stop together', () => {
    const listeners = new Listeners();
    let stopped = 0;
    for (const name of ['shop', 'news']) listeners.of(name).stop = () => void stopped++;
    listeners.stop();
    assert.equal(stopped, 2);
  });
});
