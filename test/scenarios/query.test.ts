import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bind,
  execute,
  fieldsOf,
  functionCall,
  outline,
  parse,
  query,
  summary,
  sync,
} from '../helpers/messages.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';

onEachRoute('simple query', { settings: { PoolSize: 3 } }, (route) => {
  test('rows, NULL, the empty string and the empty row', async (t) => {
    const client = await route().login(t);
    assert.deepEqual(await client.rows("SELECT 1, NULL, '', 'é'"), [['1', null, '', 'é']]);
    assert.equal(summary(await client.query('SELECT')), 'T | D  | C SELECT 1 | Z I');
  });

  test('several statements in one query', async (t) => {
    const client = await route().login(t);
    assert.equal(
      summary(await client.query('SELECT 1; SELECT 2 WHERE false; SELECT 3')),
      'T | D 1 | C SELECT 1 | T | C SELECT 0 | T | D 3 | C SELECT 1 | Z I',
    );
  });

  test('an error ends the query, and rolls back its other statements', async (t) => {
    const client = await route().login(t);
    await client.query('CREATE TABLE several (id int)');
    t.after(async () => {
      await route().database.query('DROP TABLE several');
    });
    assert.equal(
      summary(await client.query('INSERT INTO several VALUES (1); SELECT 1/0; SELECT 3')),
      'C INSERT 0 1 | E 22012 | Z I',
    );
    assert.deepEqual(await client.rows('SELECT * FROM several'), []);
  });

  test('the empty query', async (t) => {
    const client = await route().login(t);
    assert.equal(summary(await client.query('')), 'I | Z I');
    assert.equal(summary(await client.query(' ; -- nothing')), 'I | Z I');
  });

  test('transaction status: idle, open, failed, and idle again', async (t) => {
    const client = await route().login(t);
    const status = async (text: string): Promise<string | undefined> =>
      (await client.query(text)).map(outline).at(-1);
    assert.equal(await status('BEGIN'), 'Z T');
    assert.equal(await status('SELECT 1'), 'Z T');
    assert.equal(await status('SELECT 1/0'), 'Z E');
    assert.equal(summary(await client.query('SELECT 1')), 'E 25P02 | Z E');
    assert.equal(await status('ROLLBACK'), 'Z I');
    assert.equal(await status('BEGIN; SELECT 1/0; COMMIT'), 'Z E');
    assert.equal(await status('COMMIT'), 'Z I');
  });

  test('an error has the fields from the database', async (t) => {
    const client = await route().login(t);
    const [error] = await client.query('SELECT no_such_column, 2');
    assert(error !== undefined);
    const { S, V, C, M, P } = fieldsOf(error);
    assert.deepEqual(
      { S, V, C, M, P },
      {
        S: 'ERROR',
        V: 'ERROR',
        C: '42703',
        M: 'column "no_such_column" does not exist',
        P: '8',
      },
    );
  });

  test('notices keep their order', async (t) => {
    const client = await route().login(t);
    const text = `SELECT 1; DO $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two'; END $$; SELECT 2`;
    const answer = await client.query(text);
    assert.equal(
      summary(answer),
      'T | D 1 | C SELECT 1 | N 00000 | N 01000 | C DO | T | D 2 | C SELECT 1 | Z I',
    );
    const texts = answer.filter(({ code }) => code === 'N').map((notice) => fieldsOf(notice)['M']);
    assert.deepEqual(texts, ['one', 'two']);
  });

  test('a changed parameter is reported, and the change affects only its session', async (t) => {
    const client = await route().login(t);
    const other = await route().login(t);
    const answer = summary(await client.query("SET application_name = 'till 8'"));
    assert.equal(answer, 'C SET | S application_name=till 8 | Z I');
    assert.equal(await other.value('SHOW application_name'), '');
    assert.equal(await client.value('SHOW application_name'), 'till 8');
    await client.end();
    const late = await route().login(t);
    for (let turn = 0; turn < 5; turn += 1) {
      assert.equal(await late.value('SHOW application_name'), '');
    }
  });

  test('SET LOCAL ends with its transaction', async (t) => {
    const client = await route().login(t);
    assert.equal(await client.value("BEGIN; SET LOCAL work_mem = '9MB'; SHOW work_mem"), '9MB');
    await client.query('COMMIT');
    assert.equal(await client.value('SHOW work_mem'), '4MB');
  });

  test('a session keeps its temporary table, sequence state, SQL cursor and prepared statement', async (t) => {
    const clients = await Promise.all([1, 2].map(() => route().login(t)));
    for (const [index, client] of clients.entries()) {
      await client.query(`CREATE TEMPORARY TABLE own AS SELECT ${index} AS id`);
      await client.query('CREATE TEMPORARY SEQUENCE own_sequence');
      await client.query("SELECT nextval('own_sequence')");
      await client.query(`DECLARE own CURSOR WITH HOLD FOR SELECT ${index}`);
      await client.query(`PREPARE own AS SELECT ${index}`);
    }
    for (const [index, client] of clients.entries()) {
      assert.equal(await client.value('SELECT id FROM own'), String(index));
      assert.equal(await client.value("SELECT currval('own_sequence')"), '1');
      assert.equal(await client.value('FETCH own'), String(index));
      assert.equal(await client.value('EXECUTE own'), String(index));
      await client.end();
    }
    const late = await route().login(t);
    assert.equal(summary(await late.query('EXECUTE own')), 'E 26000 | Z I');
    assert.equal(await late.value("SELECT to_regclass('own')"), null);
  });

  test('an advisory lock lasts until the end of its session', async (t) => {
    const holder = await route().login(t);
    const other = await route().login(t);
    await holder.query('SELECT pg_advisory_lock(7)');
    for (let turn = 0; turn < 3; turn += 1) {
      assert.equal(await other.value('SELECT pg_try_advisory_lock(7)'), 'f');
    }
    await holder.end();
    await eventually(async () => {
      assert.equal(await other.value('SELECT pg_try_advisory_lock(7)'), 't');
    });
  });

  test('a notification reaches the listening session, also while idle', async (t) => {
    const listener = await route().login(t);
    const sender = await route().login(t);
    await listener.query('LISTEN news');
    await sender.query("NOTIFY news, 'one'");
    const idle = await listener.next();
    assert.equal(idle.code, 'A');
    assert.match(idle.body.toString('utf8', 4), /^news\0one\0$/);
    // In a transaction, it waits for the end.
    await listener.query('BEGIN');
    await sender.query("NOTIFY news, 'two'");
    assert.equal(summary(await listener.query('SELECT 1')), 'T | D 1 | C SELECT 1 | Z T');
    const end = await listener.query('COMMIT');
    const codes = end.map(({ code }) => code).join('');
    assert(codes === 'CAZ' || codes === 'CZ', codes);
    if (codes === 'CZ') assert.equal((await listener.next()).code, 'A');
  });

  test('a function call', async (t) => {
    const client = await route().login(t);
    const oid = Number(
      await client.value("SELECT 'pg_catalog.int4pl(int4, int4)'::regprocedure::oid"),
    );
    client.send(functionCall(oid, ['40', '2']));
    const [result, ready] = await client.ready();
    assert.equal(result?.code, 'V');
    assert.equal(result.body.toString('utf8', 4), '42');
    assert.equal(ready?.code, 'Z');
    client.send(functionCall(1, ['x']));
    assert.equal(summary(await client.ready()), 'E 42883 | Z I');
  });

  test('queries sent without waiting are answered in order', async (t) => {
    const client = await route().login(t);
    const count = 200;
    client.send(...Array.from({ length: count }, (_, index) => query(`SELECT ${index}`)));
    for (let index = 0; index < count; index += 1) {
      assert.equal(summary(await client.ready()), `T | D ${index} | C SELECT 1 | Z I`);
    }
  });

  test('transactions sent without waiting stay complete', async (t) => {
    const clients = await Promise.all(Array.from({ length: 8 }, () => route().login(t)));
    await Promise.all(
      clients.map(async (client) => {
        client.send(
          query('BEGIN'),
          query("SET LOCAL application_name = 'mine'"),
          query('SELECT pg_backend_pid()'),
          query('SELECT pg_backend_pid()'),
          query('COMMIT'),
        );
        const answers = [];
        for (let index = 0; index < 5; index += 1)
          answers.push(...(await client.ready()).map(outline));
        const pids = answers.filter((line) => line.startsWith('D '));
        assert.equal(pids.length, 2);
        assert.equal(pids[0], pids[1]);
        assert.equal(answers.at(-1), 'Z I');
      }),
    );
  });

  test('a statement of a megabyte', async (t) => {
    const client = await route().login(t);
    const long = 'x'.repeat(3_000_000);
    assert.equal(await client.value(`SELECT length('${long}')`), '3000000');
    assert.equal(await client.value('SELECT 1'), '1');
  });

  for (const [name, own] of Object.entries({
    'in a Query': query('SELECT pg_terminate_backend(pg_backend_pid())'),
    'with its schema': query('SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())'),
    'in one of several statements': query(
      'SELECT 1; SELECT pg_terminate_backend(pg_backend_pid())',
    ),
    'in the extended protocol': Buffer.concat([
      parse('', 'SELECT pg_terminate_backend(pg_backend_pid())'),
      bind(''),
      execute(),
      sync,
    ]),
  }))
    test(`a session that terminates itself ${name} ends, and no other`, async (t) => {
      const other = await route().login(t);
      const client = await route().login(t);
      client.send(own);
      assert.match(summary(await client.untilClosed()), /E 57P01$/);
      assert.equal(await other.value('SELECT 1'), '1');
    });

  test('a server process that terminates itself without showing it is an error, and nothing more through the proxy', async (t) => {
    const client = await route().login(t);
    const answer = client.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = pg_backend_pid()',
    );
    if (route().isDirect) {
      await assert.rejects(answer);
      await client.closed;
    } else {
      assert.match(summary(await answer), /E 57P01 \| Z I$/);
      assert.equal(await client.value('SELECT 2'), '2');
    }
    const other = await route().login(t);
    assert.equal(await other.value('SELECT 1'), '1');
  });
});
