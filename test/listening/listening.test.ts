import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldsOf, summary } from '../helpers/messages.ts';
import type { Message } from '../helpers/messages.ts';
import type { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';

/** A notification as `pid channel payload`; the pid is `own` if it is the client's. */
function notificationText({ key }: RawClient, { code, body }: Message): string {
  assert.equal(code, 'A');
  const [channel, payload] = body.toString('utf8', 4).split('\0');
  return `${body.readInt32BE(0) === key?.pid ? 'own' : 'other'} ${channel} ${payload}`;
}

/** The notifications up to one that the test sends itself, so that all earlier ones have arrived. */
async function notificationsUpTo(
  client: RawClient,
  last: string,
  before: readonly Message[] = [],
): Promise<string[]> {
  const seen = before
    .filter(({ code }) => code === 'A')
    .map((message) => notificationText(client, message));
  for (;;) {
    const message = await client.next();
    if (message.code !== 'A') continue;
    seen.push(notificationText(client, message));
    if (seen.at(-1)?.endsWith(last) === true) return seen;
  }
}

onEachRoute(
  'LISTEN and NOTIFY',
  { settings: { PoolSize: 1, ConnectionBorrowTimeout: 30 } },
  (route) => {
    test('a listening session does not keep its server connection', async (t) => {
      const [listener, sender] = [await route().login(t), await route().login(t)];
      assert.equal(summary(await listener.query('LISTEN news')), 'C LISTEN | Z I');
      await sender.query("NOTIFY news, 'one'");
      assert.equal(notificationText(listener, await listener.next()), 'other news one');
      if (!route().isDirect)
        assert.equal(await route().sluice.metric('sluice_session_pins_total'), 0);
    });

    test('its own notification arrives before ReadyForQuery, once, with its own process ID', async (t) => {
      const client = await route().login(t);
      await client.query('LISTEN a');
      for (const text of ["NOTIFY a, '1'", "SELECT pg_notify('a', '2')"]) {
        const answer = await client.query(text);
        const [notification] = answer.filter(({ code }) => code === 'A');
        assert(notification !== undefined, summary(answer));
        assert.match(notificationText(client, notification), /^own a [12]$/);
      }
      const other = await route().login(t);
      await other.query("NOTIFY a, 'last'");
      assert.deepEqual(await notificationsUpTo(client, 'last'), ['other a last']);
    });

    test('no notification after the reply to LISTEN is missed, and none arrives twice', async (t) => {
      const [client, sender] = [await route().login(t), await route().login(t)];
      const wanted: string[] = [];
      const before: Message[] = [];
      for (let round = 0; round < 25; round++) {
        before.push(...(await client.query(`LISTEN race_${round}`)));
        await sender.query(`NOTIFY race_${round}, 'x'; NOTIFY race_0, '${round}'`);
        wanted.push(`other race_${round} x`, `other race_0 ${round}`);
      }
      await sender.query("NOTIFY race_0, 'last'");
      assert.deepEqual((await notificationsUpTo(client, 'last', before)).slice(0, -1), wanted);
    });

    test('LISTEN and UNLISTEN take effect at commit, and not after a rollback', async (t) => {
      const [client, sender] = [await route().login(t), await route().login(t)];
      const channels = async (): Promise<unknown> =>
        (await client.rows('SELECT pg_listening_channels() ORDER BY 1')).flat();
      await client.query('BEGIN; LISTEN a; ROLLBACK');
      assert.deepEqual(await channels(), []);
      await client.query('BEGIN; LISTEN a; SAVEPOINT s; LISTEN b; ROLLBACK TO s; COMMIT');
      assert.deepEqual(await channels(), ['a']);
      await client.query('BEGIN');
      await client.query('UNLISTEN a');
      await client.query('LISTEN c');
      await client.query('ROLLBACK');
      assert.deepEqual(await channels(), ['a']);
      await client.query('BEGIN; LISTEN c; UNLISTEN a; SELECT 1/0');
      await client.query('COMMIT');
      assert.deepEqual(await channels(), ['a']);
      await client.query('LISTEN b; UNLISTEN a');
      await sender.query("NOTIFY a, 'no'; NOTIFY b, 'last'");
      assert.deepEqual(await notificationsUpTo(client, 'last'), ['other b last']);
      await client.query('UNLISTEN *');
      assert.deepEqual(await channels(), []);
      await client.query('LISTEN a');
      await client.query('DISCARD ALL');
      assert.deepEqual(await channels(), []);
      await client.query('LISTEN d');
      await sender.query("NOTIFY a, 'no'; NOTIFY b, 'no'; NOTIFY d, 'last'");
      assert.deepEqual(await notificationsUpTo(client, 'last'), ['other d last']);
    });

    test('none arrives during a transaction; all arrive at its end, in order', async (t) => {
      const client = await route().login(t);
      await client.query('LISTEN a');
      await client.query('BEGIN');
      const { database } = route();
      for (const payload of ['1', '2', '3'])
        await database.query(`SELECT pg_notify('a', '${payload}')`);
      assert.equal(summary(await client.query('SELECT 1')), 'T | D 1 | C SELECT 1 | Z T');
      const end = await client.query('COMMIT');
      await database.query("SELECT pg_notify('a', 'last')");
      assert.deepEqual(await notificationsUpTo(client, 'last', end), [
        'other a 1',
        'other a 2',
        'other a 3',
        'other a last',
      ]);
    });

    test('channel names: case, quotes, 63 bytes, other alphabets', async (t) => {
      const [client, sender] = [await route().login(t), await route().login(t)];
      const long = 'l'.repeat(70);
      await client.query(`LISTEN Folded; LISTEN "Kept ""so"""; LISTEN ${long}; LISTEN "новости"`);
      await sender.query(
        `NOTIFY FOLDED, '1'; NOTIFY "Kept ""so""", '2'; NOTIFY ${long}, '3'; ` +
          "NOTIFY \"новости\", 'мир'; NOTIFY kept, 'no'; NOTIFY folded, 'last'",
      );
      assert.deepEqual(await notificationsUpTo(client, 'last'), [
        'other folded 1',
        'other Kept "so" 2',
        `other ${long.slice(0, 63)} 3`,
        'other новости мир',
        'other folded last',
      ]);
      const empty = await client.query('LISTEN ""');
      assert.equal(summary(empty), 'E 42601 | Z I');
    });

    test('a client with another encoding gets notifications in its own', async (t) => {
      const client = await route().login(t, { parameters: { client_encoding: 'LATIN1' } });
      await client.query('LISTEN a');
      await route().database.query("SELECT pg_notify('a', 'é')");
      const { body } = await client.next();
      assert.equal(body.toString('latin1', 4), 'a\0é\0');
      await client.query('UNLISTEN *');
    });

    test('LISTEN in a function, a DO block, and a pipeline', async (t) => {
      const [client, sender] = [await route().login(t), await route().login(t)];
      await sender.query(
        "CREATE FUNCTION hears(c text) RETURNS void LANGUAGE plpgsql AS $$BEGIN EXECUTE 'LISTEN ' || c; END$$",
      );
      await client.query("SELECT hears('f')");
      await client.query("DO $$BEGIN EXECUTE 'LISTEN d'; END$$");
      await sender.query("DROP FUNCTION hears; NOTIFY f, '1'; NOTIFY d, '2'");
      assert.deepEqual(await notificationsUpTo(client, '2'), ['other f 1', 'other d 2']);
    });

    test('many sessions listen to one channel, and one that stops does not affect the others', async (t) => {
      const clients = await Promise.all(Array.from({ length: 5 }, () => route().login(t)));
      for (const client of clients) await client.query('LISTEN many');
      const [first, ...rest] = clients;
      await first?.query('UNLISTEN many');
      rest.pop()?.destroy();
      await route().database.query("SELECT pg_notify('many', 'last')");
      for (const client of rest)
        assert.deepEqual(await notificationsUpTo(client, 'last'), ['other many last']);
    });

    test('when no session listens, the listening connection is closed', async (t) => {
      if (route().isDirect) return;
      const client = await route().login(t);
      await client.query('LISTEN a');
      await eventually(async () =>
        assert.equal(await route().sluice.metric('sluice_listening_connections'), 1),
      );
      await client.end();
      await eventually(async () =>
        assert.equal(await route().sluice.metric('sluice_listening_connections'), 0),
      );
    });

    test('a lost listening connection is reopened, the gap is counted, clients are warned', async (t) => {
      if (route().isDirect) return;
      const client = await route().login(t);
      await client.query('LISTEN a');
      // Until the listening connection has taken over, the lease delivers everything, and nothing is missed without it.
      await eventually(async () => {
        const { body } = await route().sluice.admin('/metrics');
        assert.match(body, /^sluice_client_connections\{.*state="idle"\} 1$/m);
      });
      const lost = await eventually(async () => {
        const [row] = await route().database.query<{ ended: boolean }>(
          "SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE application_name = 'sluice'",
        );
        assert(row !== undefined);
        return row;
      });
      assert.equal(lost.ended, true);
      const warning = await client.next();
      assert.equal(warning.code, 'N');
      assert.equal(fieldsOf(warning)['V'], 'WARNING');
      await route().database.query("SELECT pg_notify('a', 'last')");
      assert.deepEqual(await notificationsUpTo(client, 'last'), ['other a last']);
      assert.equal(await route().sluice.metric('sluice_listening_gaps_total'), 1);
      await route().sluice.logged(({ msg }) => msg.startsWith('listening connection lost'));
    });

    test('a client that does not read is closed, and does not delay others', async (t) => {
      if (route().isDirect) return;
      const [slow, quick] = [await route().login(t), await route().login(t)];
      await slow.query('LISTEN flood');
      await quick.query('LISTEN flood');
      slow.pause();
      const { database } = route();
      const batch = 500;
      for (let sent = 0; sent < 3000; sent += batch) {
        await database.query(
          `SELECT count(pg_notify('flood', repeat('x', 7000) || n)) FROM generate_series(${sent + 1}, ${sent + batch}) n`,
        );
        for (let received = 0; received < batch; received++)
          assert.equal((await quick.next()).code, 'A');
      }
      slow.resume();
      const messages = await slow.untilClosed();
      const error = messages.at(-1);
      if (error?.code === 'E') assert.equal(fieldsOf(error)['C'], '53400');
      assert(messages.length < 3000, 'the slow client was told everything');
      const { sluice } = route();
      const { body } = await sluice.admin('/metrics');
      assert.match(body, /sluice_session_limits_exceeded_total\{setting="MaxUnreadBytes"\} 1\n/);
      const lines = sluice.log.filter(({ setting }) => setting === 'MaxUnreadBytes');
      assert.equal(lines.length, 1);
    });
  },
);
