import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bind,
  close,
  copyData,
  copyDone,
  describe,
  execute,
  flush,
  int32,
  message,
  parse,
  query,
  startupPacket,
  summary,
  sync,
} from '../helpers/messages.ts';
import type { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';
import type { Route } from '../helpers/routes.ts';

/** A mix of messages: three cycles, a named statement, an error, a copy. */
const conversation = Buffer.concat([
  query("SELECT 'a'"),
  close('S', 'named'),
  parse('named', 'SELECT $1::int'),
  bind('named', ['7']),
  describe('P'),
  execute(),
  flush,
  sync,
  bind('nowhere'),
  execute(),
  sync,
  query('COPY pg_temp.box FROM STDIN'),
  copyData('1\n2\n'),
  copyDone,
]);

const answers = [
  'T | D a | C SELECT 1 | Z T',
  '3 | 1 | 2 | T | D 7 | C SELECT 1 | Z T',
  'E 26000 | Z E',
  'E 25P02 | Z E',
];

async function converse(client: RawClient, send: () => unknown): Promise<void> {
  await client.query('BEGIN; CREATE TEMPORARY TABLE box (id int) ON COMMIT DROP');
  await send();
  for (const answer of answers) assert.equal(summary(await client.ready()), answer);
  assert.equal(summary(await client.query('ROLLBACK')), 'C ROLLBACK | Z I');
}

/** Nothing that one client sends may affect another client or the process. */
async function assertAlive(route: Route, bystander: RawClient): Promise<void> {
  assert.equal(await bystander.value('SELECT 1'), '1');
  await route.quiet();
}

onEachRoute('framing', { settings: { PoolSize: 3, ClientLoginTimeout: 4 } }, (route) => {
  test('the same bytes, split at every offset', async (t) => {
    const client = await route().login(t);
    for (let at = 0; at <= conversation.length; at += 1) {
      await converse(client, () => client.sendSplit(conversation, at));
    }
  });

  test('the same bytes, one at a time', async (t) => {
    const client = await route().login(t);
    await converse(client, async () => {
      for (const byte of conversation) await client.sendSplit(Buffer.from([byte]), 0);
    });
  });

  test('a startup packet split at every offset', async (t) => {
    const packet = startupPacket({ user: 'ann', database: 'shop', application_name: 'till' });
    const others = Array.from({ length: packet.length }, async (_, at) => {
      const client = await route().open(t);
      await client.sendSplit(packet, at);
      const { code, body } = await client.next();
      assert.equal(code, 'R');
      assert.equal(body.readInt32BE(0), 10);
      client.destroy();
    });
    await Promise.all(others);
  });

  for (const [what, bytes] of [
    ['of 0', Buffer.concat([Buffer.from('Q'), int32(0)])],
    ['of 3', Buffer.concat([Buffer.from('Q'), int32(3), Buffer.alloc(20)])],
    ['below zero', Buffer.concat([Buffer.from('Q'), int32(-1), Buffer.alloc(20)])],
    ['of 2^31-1', Buffer.concat([Buffer.from('Q'), int32(2 ** 31 - 1), Buffer.alloc(20)])],
    [
      'of 2^31-1 of a parse',
      Buffer.concat([Buffer.from('P'), int32(2 ** 31 - 1), Buffer.alloc(20)]),
    ],
    [
      'of 2^31-1 of a sync',
      Buffer.concat([Buffer.from('S'), int32(2 ** 31 - 1), Buffer.alloc(20)]),
    ],
  ] as const) {
    test(`a declared length ${what} ends the connection with 08P01`, async (t) => {
      const bystander = await route().login(t);
      const client = await route().login(t);
      client.send(bytes);
      // PostgreSQL waits for a length that could be right, and treats one below 4 as a lost connection.
      if (route().isDirect) client.destroy();
      const seen = await client.untilClosed();
      if (!route().isDirect) assert.equal(summary(seen), 'E 08P01');
      await assertAlive(route(), bystander);
    });
  }

  test('an unknown message ends the connection with 08P01', async (t) => {
    const bystander = await route().login(t);
    for (const code of ['a', 'Z', '\0', '\u007f', 'R']) {
      // The bytes after the code could be a message that starts with a name.
      for (const body of ['?', 'S\0', '\0\0\0']) {
        const client = await route().login(t);
        client.send(message(code, Buffer.from(body)));
        assert.equal(summary(await client.untilClosed()), 'E 08P01');
      }
    }
    await assertAlive(route(), bystander);
  });

  test('a message with a valid frame and a wrong body is an error of this client only', async (t) => {
    const bystander = await route().login(t);
    for (const bytes of [
      message('Q', Buffer.from('SELECT 1')),
      message('P', Buffer.from('no end')),
      message('B', Buffer.from([0, 0, 0, 9, 0, 0])),
      message('D', Buffer.from('?\0')),
      message('C', Buffer.from('?\0')),
      message('E'),
      message('E', Buffer.from('\0\0')),
      message('S', Buffer.from('more')),
      message('F', Buffer.from([0])),
      message('B'),
    ]) {
      const client = await route().login(t);
      client.send(bytes, sync);
      const first = await client.next();
      assert.equal(first.code, 'E', `answer to ${bytes.toString('latin1')}`);
      client.destroy();
      await assertAlive(route(), bystander);
    }
  });

  test('a Flush or a Sync with a body is refused like any other request', async (t) => {
    const bystander = await route().login(t);
    const client = await route().login(t);
    const [badFlush, badSync] = [message('H', Buffer.from('more')), message('S', Buffer.of(0))];
    for (const status of ['I', 'E']) {
      if (status === 'E') await client.query('BEGIN');
      // Nothing follows, so nothing else keeps the server connection until the error arrives.
      client.send(badFlush);
      assert.equal(summary([await client.next()]), 'E 08P01');
      // Everything up to the next Sync is ignored.
      client.send(query('SELECT 1'), sync);
      assert.equal(summary(await client.ready()), `Z ${status}`);
      client.send(badFlush, query('SELECT 1'), parse('', 'SELECT 2'), badFlush, sync);
      assert.equal(summary(await client.ready()), `E 08P01 | Z ${status}`);
      client.send(badSync);
      assert.equal(summary(await client.ready()), `E 08P01 | Z ${status}`);
    }
    assert.equal(
      summary(await client.query('ROLLBACK; SELECT 3')),
      'C ROLLBACK | T | D 3 | C SELECT 1 | Z I',
    );
    client.send(badFlush);
    client.destroy();
    await assertAlive(route(), bystander);
  });

  test('random bytes never end the process, before the login or after', async (t) => {
    const bystander = await route().login(t);
    const property = fc.asyncProperty(
      fc.uint8Array({ maxLength: 200 }),
      fc.boolean(),
      async (bytes, loggedIn) => {
        const client = loggedIn ? await route().login(t) : await route().open(t);
        client.send(Buffer.from(bytes));
        await new Promise(setImmediate);
        client.destroy();
        await client.closed;
      },
    );
    await fc.assert(property, { numRuns: 60 });
    await assertAlive(route(), bystander);
  });

  test('a mutated conversation never ends the process or affects another client', async (t) => {
    const bystander = await route().login(t);
    await route().database.query('CREATE TABLE IF NOT EXISTS witness AS SELECT 1 AS id');
    const mutation = fc.record({
      at: fc.nat(conversation.length - 1),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 6 }),
      cut: fc.nat(8),
    });
    const property = fc.asyncProperty(
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      async (mutations) => {
        let bytes = conversation;
        for (const { at, bytes: put, cut } of mutations) {
          bytes = Buffer.concat([
            bytes.subarray(0, at),
            Buffer.from(put),
            bytes.subarray(at + cut),
          ]);
        }
        const client = await route().login(t);
        client.send(bytes, sync, query('SELECT 2'));
        await Promise.race([client.next(200).catch(() => undefined), client.closed]);
        client.destroy();
        await client.closed;
        assert.equal(await bystander.value('SELECT id FROM witness'), '1');
      },
    );
    await fc.assert(property, { numRuns: 60 });
    await eventually(() => assertAlive(route(), bystander));
  });
});
