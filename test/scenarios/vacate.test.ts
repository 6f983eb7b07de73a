import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bind, execute, fieldsOf, message, parse, query, sync } from '../helpers/messages.ts';
import type { Message } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import type { Owner } from '../helpers/routes.ts';

const settings = {
  PoolSize: 5,
  MinPoolSize: 1,
  HealthCheckDatabase: 'shop',
  Users: [
    { UserName: 'ann', Password: 'correct horse' },
    { UserName: 'clerk', Password: 'clerk secret' },
  ],
};

const fresh = [
  'DROP DATABASE IF EXISTS "Kassé ""7"" x" WITH (FORCE)',
  'DROP DATABASE IF EXISTS renamed WITH (FORCE)',
  'DROP DATABASE IF EXISTS copied WITH (FORCE)',
  'DROP ROLE IF EXISTS clerk',
  "CREATE ROLE clerk LOGIN PASSWORD 'clerk secret'",
  'CREATE DATABASE "Kassé ""7"" x"',
];
const database = 'Kassé "7" x';
const quoted = '"Kassé ""7"" x"';

/** How a client sends one statement, and the reply: its command tag, or its SQLSTATE. */
const asQuery = (text: string): Buffer[] => [query(text)];
const asExtended = (text: string): Buffer[] => [parse('', text), bind(''), execute(), sync];
const asPrepared = (text: string): Buffer[] => [
  parse('made', text),
  sync,
  bind('made'),
  execute(),
  sync,
  message('C', Buffer.from('Smade\0')),
  sync,
];

const ways = [
  ['simple', asQuery],
  ['extended', asExtended],
  ['prepared', asPrepared],
] as const;

function outcome(answer: readonly Message[]): string {
  const error = answer.find(({ code }) => code === 'E');
  if (error !== undefined) return fieldsOf(error)['C'] ?? '';
  return answer
    .filter(({ code }) => code === 'C')
    .map(({ body }) => body.toString('utf8', 0, body.length - 1))
    .join(', ');
}

const options = { settings, sample: onOneRuntime };

onEachRoute('statements that need exclusive access to a database', options, (route) => {
  async function visit(owner: Owner, user = 'ann', where = database): Promise<RawClient> {
    const password = user === 'ann' ? 'correct horse' : 'clerk secret';
    const client = await route().login(owner, {
      password,
      parameters: { user, database: where },
    });
    await client.query("SET work_mem = '5MB'");
    await client.query('SELECT 1');
    return client;
  }

  /** Clients of two users were connected at the same time, and have disconnected. */
  async function begin(owner: Owner): Promise<RawClient> {
    const keeper = await RawClient.login({ ...route().address, port: route().database.port });
    for (const statement of fresh) await keeper.rows(statement);
    await keeper.end();
    const admin = await route().login(owner);
    const visitors = await Promise.all([visit(owner), visit(owner), visit(owner, 'clerk')]);
    const [first] = visitors;
    assert(first !== undefined);
    await first.query('LISTEN orders');
    await Promise.all(visitors.map((client) => client.end()));
    return admin;
  }

  async function run(client: RawClient, parts: Buffer[]): Promise<string> {
    client.send(...parts);
    const expected: string[] = [];
    const groups = parts.filter((part) => part === sync).length;
    for (let group = 0; group < Math.max(1, groups); group += 1)
      expected.push(outcome(await client.ready()));
    return expected.join('');
  }

  for (const [how, send] of ways) {
    for (const [statement, expected] of [
      [`DROP DATABASE ${quoted}`, 'DROP DATABASE'],
      [`DROP DATABASE IF EXISTS ${quoted} WITH (FORCE)`, 'DROP DATABASE'],
      [`ALTER DATABASE ${quoted} RENAME TO renamed`, 'ALTER DATABASE'],
      [`ALTER DATABASE ${quoted} SET TABLESPACE pg_default`, 'ALTER DATABASE'],
      [`CREATE DATABASE copied TEMPLATE ${quoted}`, 'CREATE DATABASE'],
    ] as const)
      test(`${how}: ${statement}, after clients have disconnected`, async (t) => {
        const admin = await begin(t);
        assert.equal(await run(admin, send(statement)), expected);
        assert.equal(await admin.value('SELECT 1'), '1', 'afterwards');
      });

    test(`${how}: WITH (FORCE) ends clients, idle or not`, async (t) => {
      const admin = await begin(t);
      const [idle, busy] = await Promise.all([visit(t), visit(t)]);
      busy.send(query('SELECT pg_sleep(60)'));
      await eventually(async () => {
        const backends = await route().backends();
        assert(backends.some(({ query: text }) => text.includes('pg_sleep')));
      });
      assert.equal(await run(admin, send(`DROP DATABASE ${quoted} WITH (FORCE)`)), 'DROP DATABASE');
      for (const client of [idle, busy]) {
        const [last] = (await client.untilClosed()).filter(({ code }) => code === 'E');
        assert(last !== undefined, 'no last words');
        assert.equal(fieldsOf(last)['C'], '57P01');
        assert.equal(fieldsOf(last)['S'], 'FATAL');
      }
    });

    test(`${how}: DROP OWNED and DROP ROLE for a role whose clients have disconnected`, async (t) => {
      const admin = await begin(t);
      assert.equal(await run(admin, send('REASSIGN OWNED BY clerk TO ann')), 'REASSIGN OWNED');
      assert.equal(await run(admin, send('DROP OWNED BY clerk')), 'DROP OWNED');
      assert.equal(await run(admin, send('DROP ROLE clerk')), 'DROP ROLE');
      await assert.rejects(visit(t, 'clerk'), { code: '28P01' });
    });
  }

  test('DROP DATABASE with a connected client is 55006, and the client continues', async (t) => {
    for (const [how] of ways) {
      await route().database.query(`DROP DATABASE IF EXISTS ${how} WITH (FORCE)`);
      await route().database.query(`CREATE DATABASE ${how}`);
    }
    // All ways concurrently: PostgreSQL waits five seconds for the client to leave.
    await Promise.all(
      ways.map(async ([how, send]) => {
        const admin = await route().login(t);
        const client = await visit(t, 'ann', how);
        const since = performance.now();
        assert.equal(await run(admin, send(`DROP DATABASE ${how}`)), '55006', how);
        assert(performance.now() - since > 1000, `${how}: PostgreSQL's own patience`);
        assert.equal(await client.value('SHOW work_mem'), '5MB', how);
        await client.end();
        assert.equal(await run(admin, send(`DROP DATABASE ${how}`)), 'DROP DATABASE', how);
      }),
    );
  });

  test('several statements in one text', async (t) => {
    const admin = await begin(t);
    const text = `SELECT 1; ALTER DATABASE ${quoted} RENAME TO renamed; SELECT 2`;
    assert.equal(await run(admin, [query(text)]), 'SELECT 1, ALTER DATABASE, SELECT 1');
  });

  test('several requests in one write, from a client of another database', async (t) => {
    await begin(t);
    const admin = await route().login(t, { parameters: { database: 'postgres' } });
    admin.send(
      query('SELECT 1'),
      query(`CREATE DATABASE copied TEMPLATE ${quoted}`),
      query('DROP DATABASE copied'),
      query(`DROP DATABASE ${quoted}`),
      query('SELECT 2'),
    );
    const expected: string[] = [];
    for (let turn = 0; turn < 5; turn += 1) expected.push(outcome(await admin.ready()));
    assert.deepEqual(expected, [
      'SELECT 1',
      'CREATE DATABASE',
      'DROP DATABASE',
      'DROP DATABASE',
      'SELECT 1',
    ]);
  });

  test('the database of the health check, and the only one that others use', async (t) => {
    const admin = await route().login(t, { parameters: { database: 'postgres' } });
    await route().database.query('DROP DATABASE IF EXISTS copied');
    assert.equal(
      await run(admin, [query('CREATE DATABASE copied TEMPLATE shop')]),
      'CREATE DATABASE',
    );
    assert.equal(await run(admin, [query('DROP DATABASE copied')]), 'DROP DATABASE');
  });

  test('a client that connects while the statement waits', async (t) => {
    const admin = await begin(t);
    admin.send(query(`DROP DATABASE ${quoted}`));
    const late = route()
      .login(t, { parameters: { database } })
      .catch((error: unknown) => error);
    const expected = outcome(await admin.ready());
    const came = await late;
    // Either may be first.
    if (expected === 'DROP DATABASE')
      assert.equal((came as { readonly code?: string }).code, '3D000');
    else assert.equal(expected, '55006');
  });
});

onEachRoute(
  'exclusive access to a database, at the start of a lease',
  { settings: { ...settings, PoolSize: 1 }, sample: onOneRuntime },
  (route) => {
    for (const [how, send] of ways)
      test(`${how}: after a replay of parameters`, async (t) => {
        await route().database.query('DROP DATABASE IF EXISTS copied');
        await route().database.query('CREATE DATABASE copied');
        const admin = await route().login(t);
        const other = await route().login(t);
        await admin.query("SET work_mem = '7MB'");
        await other.query("SET work_mem = '8MB'");
        const visitor = await route().login(t, { parameters: { database: 'copied' } });
        await visitor.query('SELECT 1');
        await visitor.end();
        admin.send(...send('DROP DATABASE copied'));
        const expected = [];
        const groups = send('').filter((part) => part === sync).length;
        for (let group = 0; group < Math.max(1, groups); group += 1)
          expected.push(outcome(await admin.ready()));
        assert.equal(expected.join(''), 'DROP DATABASE');
        assert.equal(await admin.value('SHOW work_mem'), '7MB');
        assert.equal(await other.value('SHOW work_mem'), '8MB');
      });
  },
);
