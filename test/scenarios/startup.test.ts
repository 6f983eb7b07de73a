import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cancelPacket,
  fieldsOf,
  gssEncRequest,
  message,
  outline,
  sslRequest,
  startupPacket,
  summary,
} from '../helpers/messages.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';

onEachRoute('startup', { settings: { ClientLoginTimeout: 3 } }, (route) => {
  test('greets with the parameters of the database, a key, and ReadyForQuery', async (t) => {
    const client = await route().open(t);
    const greeting = await client.login();
    assert.equal(greeting.map(outline).at(-1), 'Z I');
    const version = await route().database.query<{ readonly server_version: string }>(
      'SHOW server_version',
    );
    assert.equal(client.parameters.get('server_version'), version[0]?.server_version);
    assert.equal(client.parameters.get('client_encoding'), 'UTF8');
    assert.equal(client.parameters.get('integer_datetimes'), 'on');
    assert.equal(client.parameters.get('session_authorization'), 'ann');
    assert.equal(client.key?.secret.length, 4);
  });

  test('applies startup parameters and options', async (t) => {
    const client = await route().login(t, {
      parameters: {
        application_name: 'till 7',
        DateStyle: 'SQL, DMY',
        timezone: 'Asia/Tokyo',
        options: '-c work_mem=5MB --statement-timeout=7s -c search_path="a\\ b",public',
      },
    });
    assert.equal(client.parameters.get('application_name'), 'till 7');
    assert.equal(client.parameters.get('DateStyle'), 'SQL, DMY');
    assert.equal(client.parameters.get('TimeZone'), 'Asia/Tokyo');
    const [row] = await client.rows(
      `SELECT current_setting('work_mem'), current_setting('statement_timeout'),
              current_setting('search_path'), current_setting('application_name')`,
    );
    assert.deepEqual(row, ['5MB', '7s', '"a b",public', 'till 7']);
    const other = await route().login(t);
    assert.equal(await other.value('SHOW work_mem'), '4MB');
    assert.notEqual(await other.value('SHOW timezone'), 'Asia/Tokyo');
  });

  test('reports each application_name as PostgreSQL does', async (t) => {
    const names = ['first', 'second', '', 'x'.repeat(70), 'caf\u00e9', 'a\tb', "it's"];
    const reported: (string | undefined)[] = [];
    for (const name of names) {
      const client = await route().login(t, { parameters: { application_name: name } });
      reported.push(client.parameters.get('application_name'));
      assert.equal(await client.value('SHOW application_name'), reported.at(-1));
    }
    assert.deepEqual(reported.slice(0, 4), ['first', 'second', '', 'x'.repeat(63)]);
    // How the other characters are shown depends on the version.
    assert.match(reported[4] ?? '', /^caf(?:\?\?|\\xc3\\xa9)$/);
    assert.match(reported[5] ?? '', /^a(?:\?|\\x09)b$/);
    assert.equal(reported[6], "it's");
  });

  test('the user name is the default for the database', async (t) => {
    const client = await route().open(t);
    client.send(startupPacket({ user: 'ann' }));
    const { code, body } = await client.next();
    // Authentication comes first, also with PostgreSQL itself.
    assert.equal(code, 'R');
    assert.equal(body.readInt32BE(0), 10);
  });

  test('a database that does not exist is the error of the database', async (t) => {
    const client = await route().open(t);
    await assert.rejects(client.login({ parameters: { database: 'nowhere' } }), {
      code: '3D000',
      severity: 'FATAL',
    });
    await client.closed;
  });

  test('a parameter that does not exist is the error of the database', async (t) => {
    const client = await route().open(t);
    await assert.rejects(client.login({ parameters: { no_such_parameter: '1' } }), {
      code: '42704',
      severity: 'FATAL',
    });
    await client.closed;
  });

  test('a value that is not valid is the error of the database', async (t) => {
    const client = await route().open(t);
    await assert.rejects(client.login({ parameters: { work_mem: 'much' } }), {
      code: '22023',
      severity: 'FATAL',
    });
    await client.closed;
  });

  for (const [what, options] of [
    ['a wrong password', { password: 'wrong' }],
    ['an unknown user', { parameters: { user: 'nobody at all' } }],
  ] as const) {
    test(`${what} is 28P01`, async (t) => {
      const client = await route().open(t);
      await assert.rejects(client.login(options), { code: '28P01', severity: 'FATAL' });
      await client.closed;
    });
  }

  test('no user name is 28000', async (t) => {
    const client = await route().open(t);
    client.send(startupPacket({ database: 'shop' }));
    const [error] = await client.untilClosed();
    assert(error !== undefined);
    assert.equal(fieldsOf(error)['C'], '28000');
  });

  test('declines GSSAPI encryption and, without a certificate, TLS; both on one connection', async (t) => {
    const client = await route().open(t);
    assert.equal(await client.negotiate(gssEncRequest), 'N');
    assert.equal(await client.negotiate(sslRequest), 'N');
    await client.login();
    assert.equal(await client.value('SELECT 1'), '1');
  });

  test('negotiates the protocol version down, and names unknown options', async (t) => {
    const client = await route().open(t);
    const greeting = await client.login({
      version: 0x0003_270f,
      parameters: { '_pq_.no_such_option': 'on' },
    });
    const negotiated = greeting.find(({ code }) => code === 'v');
    assert(negotiated !== undefined);
    const newest = negotiated.body.readInt32BE(0);
    // PostgreSQL up to 17 sends only the minor number, 18 and newer the whole version.
    assert([0, 2, 0x0003_0000, 0x0003_0002].includes(newest), `version ${newest}`);
    assert.equal(negotiated.body.readInt32BE(4), 1);
    assert.equal(negotiated.body.toString('utf8', 8), '_pq_.no_such_option\0');
    assert.equal(await client.value('SELECT 1'), '1');
  });

  test('a client of protocol 3.2 gets a key that works for cancel requests', async (t) => {
    const client = await route().login(t, { version: 0x0003_0002 });
    // 3.2 permits keys of up to 256 bytes; a server that negotiates down to 3.0 uses 4.
    const length = client.key?.secret.length ?? 0;
    assert(length >= 4 && length <= 256);
    client.send(message('Q', Buffer.from('SELECT pg_sleep(30)\0')));
    await eventually(async () => {
      const running = await route().backends();
      assert(running.some(({ query }) => query.includes('pg_sleep(30)')));
    });
    await client.cancel();
    assert.match(summary(await client.ready()), /E 57014 \| Z I$/);
  });

  test('an unknown major version is refused', async (t) => {
    const client = await route().open(t);
    client.send(startupPacket({ user: 'ann' }, 0x0004_0000));
    const [error] = await client.untilClosed();
    assert(error !== undefined);
    assert.equal(fieldsOf(error)['C'], '0A000');
  });

  test('closes on a first packet that is too short, too long, or not the protocol', async (t) => {
    for (const bytes of [
      Buffer.from([0, 0, 0, 0]),
      Buffer.from([0, 0, 0, 7]),
      Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0]),
      Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    ]) {
      const client = await route().open(t);
      client.send(bytes);
      const seen = await client.untilClosed();
      assert(seen.every(({ code }) => code === 'E'));
    }
  });

  test('half a startup packet without the rest', async (t) => {
    const client = await route().open(t);
    client.send(startupPacket({ user: 'ann', database: 'shop' }).subarray(0, 12));
    client.destroy();
    await client.closed;
    const other = await route().login(t);
    assert.equal(await other.value('SELECT 1'), '1');
  });

  test('a cancel request with an unknown key is closed without a response', async (t) => {
    const client = await route().open(t);
    client.send(cancelPacket({ pid: 1, secret: Buffer.from([1, 2, 3, 4]) }));
    assert.deepEqual(await client.untilClosed(), []);
  });

  test('a message before the end of the login closes the connection', async (t) => {
    const client = await route().open(t);
    client.send(startupPacket({ user: 'ann', database: 'shop' }));
    await client.next();
    client.send(message('Q', Buffer.from('SELECT 1\0')));
    const seen = await client.untilClosed();
    assert(seen.every(({ code }) => code === 'E'));
    assert.equal(seen.length, 1);
  });
});
