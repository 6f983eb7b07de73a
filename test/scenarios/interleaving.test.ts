import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bind,
  close,
  describe,
  execute,
  fieldsOf,
  message,
  parse,
  query,
  rowsOf,
  summary,
  sync,
} from '../helpers/messages.ts';
import type { Message } from '../helpers/messages.ts';
import { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';
import type { Owner, Route } from '../helpers/routes.ts';

/** A read that takes the database a long time. */
const slowRead = (mark: string): string =>
  `SELECT count(*), '${mark}' FROM generate_series(1, 100000000) AS n WHERE n % 7 = 3`;

async function several(route: Route, owner: Owner, count: number): Promise<RawClient[]> {
  return Promise.all(Array.from({ length: count }, () => route.login(owner)));
}

/** The number of cycles on shared leases so far, and of those that had to be run again. */
async function counts(route: Route): Promise<{ readonly shared: number; readonly moved: number }> {
  if (route.isDirect) return { shared: 1, moved: 1 };
  return {
    shared: await route.sluice.metric('sluice_cycles_shared_total'),
    moved: await route.sluice.metric('sluice_cycles_moved_total'),
  };
}

async function runs(route: Route, mark: string): Promise<boolean> {
  const backends = await route.backends();
  return backends.some(
    (backend) => backend.state === 'active' && backend.query.includes(`'${mark}'`),
  );
}

/** Prepares a statement with a name, and waits for the reply. */
async function prepares(client: RawClient, name: string, text: string): Promise<void> {
  client.send(parse(name, text), sync);
  assert.equal(summary(await client.ready()), '1 | Z I');
}

/** Runs a prepared statement in a separate cycle. */
async function runPrepared(
  client: RawClient,
  name: string,
  values: readonly string[],
  isDescribed = true,
): Promise<Message[]> {
  const portal = isDescribed ? [describe('P')] : [];
  client.send(Buffer.concat([bind(name, values), ...portal, execute(), sync]));
  return client.ready();
}

onEachRoute('interleaving', { settings: { PoolSize: 2, Interleaving: 'always' } }, (route) => {
  test('each session gets the replies to its own reads', async (t) => {
    const clients = await several(route(), t, 12);
    const before = await counts(route());
    await Promise.all(
      clients.map(async (client, who) => {
        for (let turn = 0; turn < 100; turn += 1)
          assert.deepEqual(await client.rows(`SELECT ${who}, '${turn}'`), [
            [String(who), String(turn)],
          ]);
      }),
    );
    const { shared } = await counts(route());
    if (!route().isDirect) assert(shared - before.shared >= 400, `${shared - before.shared}`);
  });

  test('only the session that caused an error gets it', async (t) => {
    const clients = await several(route(), t, 6);
    await Promise.all(
      clients.map(async (client, who) => {
        for (let turn = 0; turn < 40; turn += 1) {
          const divisor = (who + turn) % 3;
          const answer = await client.query(`SELECT ${who * 1000} / ${divisor}, ${who}`);
          if (divisor === 0) assert.equal(summary(answer), 'E 22012 | Z I');
          else
            assert.deepEqual(rowsOf(answer), [
              [String(Math.floor((who * 1000) / divisor)), String(who)],
            ]);
        }
      }),
    );
  });

  test('each session gets the replies to its own prepared reads', async (t) => {
    const clients = await several(route(), t, 12);
    for (const [who, client] of clients.entries()) {
      await prepares(client, 'same', 'SELECT $1::text, $2::int4');
      // The same name has a different meaning in each session.
      await prepares(client, 'other', `SELECT '${who}', $1::text`);
    }
    const before = await counts(route());
    await Promise.all(
      clients.map(async (client, who) => {
        for (let turn = 0; turn < 50; turn += 1) {
          const isDescribed = (who + turn) % 2 === 0;
          const answer = await runPrepared(client, 'same', [`${who}`, `${turn}`], isDescribed);
          assert.equal(
            summary(answer),
            `2 | ${isDescribed ? 'T | ' : ''}D ${who} ${turn} | C SELECT 1 | Z I`,
          );
          assert.deepEqual(rowsOf(await runPrepared(client, 'other', [`${turn}`])), [
            [`${who}`, `${turn}`],
          ]);
        }
      }),
    );
    const { shared } = await counts(route());
    if (!route().isDirect) assert(shared - before.shared >= 600, `${shared - before.shared}`);
  });

  test('each session has its own unnamed statement, after its own requests', async (t) => {
    const clients = await several(route(), t, 12);
    const before = await counts(route());
    await Promise.all(
      clients.map(async (client, who) => {
        const own = [parse('', `SELECT '${who}', $1::text`), bind('', ['a']), describe('P')];
        for (let turn = 0; turn < 30; turn += 1) {
          client.send(Buffer.concat([...own, execute(), sync]));
          assert.equal(summary(await client.ready()), `1 | 2 | T | D ${who} a | C SELECT 1 | Z I`);
          const bound = await runPrepared(client, '', [`${turn}`], false);
          assert.equal(summary(bound), `2 | D ${who} ${turn} | C SELECT 1 | Z I`);
          const isParsed = turn % 2 === 0;
          if (isParsed) {
            // A Query destroys it, and so does a Parse that fails.
            client.send(query(`SELECT '${who}'`));
            assert.deepEqual(rowsOf(await client.ready()), [[`${who}`]]);
          } else {
            const wrong = [parse('', `SELECT none FROM nowhere`), bind(''), execute(), sync];
            client.send(Buffer.concat(wrong));
            assert.equal(summary(await client.ready()), 'E 42P01 | Z I');
          }
          const gone = await runPrepared(client, '', [`${turn}`], false);
          assert.equal(summary(gone), 'E 26000 | Z I', `turn ${turn}`);
          // An error during its run keeps it.
          const failing = [parse('', 'SELECT 1 / $1::int4'), bind('', ['0']), execute(), sync];
          client.send(Buffer.concat(failing));
          assert.equal(summary(await client.ready()), '1 | E 22012 | Z I');
          assert.deepEqual(rowsOf(await runPrepared(client, '', ['1'], false)), [['1']]);
        }
      }),
    );
    const { shared } = await counts(route());
    if (!route().isDirect) assert(shared - before.shared >= 800, `${shared - before.shared}`);
  });

  test("errors of prepared reads contain the client's name of the statement", async (t) => {
    const clients = await several(route(), t, 6);
    await Promise.all(
      clients.map(async (client, who) => {
        const name = `of client ${who}`;
        await prepares(client, name, 'SELECT 100 / $1::int4');
        for (let turn = 0; turn < 20; turn += 1) {
          const divisor = (who + turn) % 3;
          const answer = await runPrepared(client, name, [`${divisor}`], false);
          if (divisor === 0) assert.match(summary(answer), /E 22012 \| Z I$/);
          else assert.deepEqual(rowsOf(answer), [[`${Math.floor(100 / divisor)}`]]);
          const [error] = await runPrepared(client, name, [], false);
          assert.match(
            fieldsOf(error as Message)['M'] ?? '',
            new RegExp(`supplies 0 parameters, but prepared statement "${name}" requires 1`),
          );
        }
      }),
    );
  });

  test('a prepared read whose rows have changed is an error, as on a direct connection', async (t) => {
    const clients = await several(route(), t, 6);
    const owner = await route().login(t);
    await owner.query(
      'DROP TABLE IF EXISTS widened; CREATE TABLE widened (n int); INSERT INTO widened VALUES (1)',
    );
    for (const client of clients) await prepares(client, 'all', 'SELECT * FROM widened');
    const readAll = async (): Promise<string[]> =>
      Promise.all(
        clients.map(async (client) => summary(await runPrepared(client, 'all', [], false))),
      );
    for (let round = 0; round < 5; round += 1)
      for (const reply of await readAll()) assert.equal(reply, '2 | D 1 | C SELECT 1 | Z I');
    await owner.query('ALTER TABLE widened ADD m int DEFAULT 2');
    for (let round = 0; round < 3; round += 1)
      for (const reply of await readAll()) assert.equal(reply, 'E 0A000 | Z I');
    // The sessions that prepare it again see both columns; the others do not.
    for (const client of clients.slice(0, 3))
      await prepares(client, 'again', 'SELECT * FROM widened');
    for (let round = 0; round < 3; round += 1) {
      const answers = await Promise.all(
        clients
          .slice(0, 3)
          .map(async (client) => summary(await runPrepared(client, 'again', [], false))),
      );
      for (const reply of answers) assert.equal(reply, '2 | D 1 2 | C SELECT 1 | Z I');
      for (const reply of await readAll()) assert.equal(reply, 'E 0A000 | Z I');
    }
  });

  test('prepared reads survive that other sessions close statements', async (t) => {
    const clients = await several(route(), t, 6);
    const owner = await route().login(t);
    await owner.query(
      'CREATE FUNCTION closes_all() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE $q$DEALLOCATE ALL$q$; END $$',
    );
    await Promise.all(
      clients.map(async (client, who) => {
        await prepares(client, 'p', 'SELECT $1::text');
        for (let turn = 0; turn < 30; turn += 1) {
          if (who < 2 && turn % 5 === 0) {
            await client.query(who === 0 ? 'DISCARD ALL' : 'SELECT closes_all()');
            client.send(Buffer.concat([close('S', 'p'), parse('p', 'SELECT $1::text'), sync]));
            assert.equal(summary(await client.ready()), '3 | 1 | Z I');
          }
          const answer = await runPrepared(client, 'p', [`${who} ${turn}`], false);
          assert.deepEqual(rowsOf(answer), [[`${who} ${turn}`]], summary(answer));
        }
      }),
    );
  });

  test('reads after a slow one run on another connection', async (t) => {
    const [slow, ...others] = await several(route(), t, 6);
    assert(slow !== undefined);
    slow.send(query(slowRead('slow')));
    await eventually(async () => assert(await runs(route(), 'slow')));
    await Promise.all(
      others.map(async (client, who) => {
        for (let turn = 0; turn < 20; turn += 1)
          assert.equal(await client.value(`SELECT '${who} ${turn}'`), `${who} ${turn}`);
      }),
    );
    assert(await runs(route(), 'slow'), 'the slow read is over already');
    await slow.cancel();
    assert.match(summary(await slow.ready()), /E 57014 \| Z I$/);
    assert.equal(await slow.value('SELECT 1'), '1');
  });

  test("a cancel request ends only its own client's read in the database", async (t) => {
    const [first, second, ...others] = await several(route(), t, 6);
    assert(first !== undefined && second !== undefined);
    first.send(query(slowRead('first')));
    second.send(query(slowRead('second')));
    await eventually(async () => {
      assert(await runs(route(), 'first'));
      assert(await runs(route(), 'second'));
    });
    const reads = others.map((client, who) => client.query(`SELECT ${who}`));
    await first.cancel();
    assert.match(summary(await first.ready()), /E 57014 \| Z I$/);
    await eventually(async () => assert(!(await runs(route(), 'first'))));
    assert(await runs(route(), 'second'), 'the cancel has hit another');
    await second.cancel();
    assert.match(summary(await second.ready()), /E 57014 \| Z I$/);
    for (const [who, read] of reads.entries())
      assert.deepEqual(rowsOf(await read), [[String(who)]]);
  });

  test('a client that disconnects does not affect the replies of others', async (t) => {
    const clients = await several(route(), t, 6);
    await Promise.all(
      clients.map(async (client, who) => {
        for (let turn = 0; turn < 40; turn += 1) {
          const leaver = await RawClient.login(route().address);
          leaver.send(query(`SELECT 'of the one who left ${who} ${turn}'`));
          const answer = client.value(`SELECT 'kept ${who} ${turn}'`);
          leaver.destroy();
          assert.equal(await answer, `kept ${who} ${turn}`);
        }
      }),
    );
  });

  test('a long reply arrives completely, together with others', async (t) => {
    const clients = await several(route(), t, 6);
    await Promise.all(
      clients.map(async (client, who) => {
        for (let turn = 0; turn < 10; turn += 1) {
          const length = who % 2 === 0 ? 600_000 : 6;
          const value = await client.value(`SELECT repeat('${who}', ${length})`);
          assert.equal(value, String(who).repeat(length));
        }
      }),
    );
  });

  test('sessions with other parameters do not see each other', async (t) => {
    const clients = await several(route(), t, 8);
    for (const [who, client] of clients.entries())
      await client.query(`SET app.who = 'group ${who % 3}'; SET search_path = s${who % 3}`);
    await Promise.all(
      clients.map(async (client, who) => {
        for (let turn = 0; turn < 50; turn += 1)
          assert.deepEqual(
            await client.rows("SELECT current_setting('app.who'), current_setting('search_path')"),
            [[`group ${who % 3}`, `s${who % 3}`]],
          );
      }),
    );
  });

  test('what may change or depend on its session or connection is never shared', async (t) => {
    if (route().isDirect) return;
    const owner = await route().login(t);
    await owner.query(`
      CREATE SEQUENCE numbers; CREATE TABLE alone (n int); INSERT INTO alone VALUES (1);
      CREATE FUNCTION hides() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN PERFORM set_config('app.hidden', 'x', false); RETURN 1; END $$;
      CREATE VIEW hidden AS SELECT hides() AS n;
      CREATE FUNCTION dynamic(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE $1; END $$`);
    const isShared = async (client: RawClient, send: Buffer): Promise<boolean> => {
      const { shared } = await counts(route());
      client.send(send);
      await client.ready();
      return (await counts(route())).shared > shared;
    };
    /** A client whose reads are shared: the proxy has read the code in the database. */
    const newcomer = async (): Promise<RawClient> => {
      const client = await route().login(t);
      if (await isShared(client, query('SELECT 1'))) return client;
      client.destroy();
      return newcomer();
    };
    const alone = async (what: string, client: RawClient, send: Buffer): Promise<void> => {
      assert.equal(await isShared(client, send), false, what.slice(0, 60));
    };
    for (const text of [
      'SELECT 1; SELECT 2',
      'SELECT n FROM alone FOR UPDATE',
      'INSERT INTO alone VALUES (2) RETURNING n',
      'WITH more AS (INSERT INTO alone VALUES (3) RETURNING n) SELECT n FROM more',
      'SELECT random()',
      "SELECT nextval('numbers')",
      "SELECT set_config('app.x', 'y', false)",
      'SELECT pg_backend_pid()',
      'SELECT count(*) FROM pg_prepared_statements',
      'SELECT pg_advisory_xact_lock(1)',
      'SELECT hides()',
      'SELECT n FROM hidden',
      "SELECT dynamic('SELECT 1')",
      'COPY alone TO STDOUT',
      'EXPLAIN SELECT 1',
      'SELECT 1 INTO copied',
      `SELECT 1 /* ${'x'.repeat(9000)} */`,
      '',
      "SELECT 'unterminated",
    ])
      await alone(text, await newcomer(), query(text));
    await alone('a zero byte', await newcomer(), message('Q', Buffer.from('SELECT 1\0, 2\0')));
    for (const [what, ...cycle] of [
      ['a row limit', parse('', 'SELECT 1'), bind(''), execute('', 1), sync],
      ['a named statement', parse('n', 'SELECT 1'), bind('n'), execute(), sync],
      [
        'a description of the statement',
        parse('', 'SELECT 1'),
        describe('S'),
        bind(''),
        execute(),
        sync,
      ],
      ['locks', parse('', 'SELECT n FROM alone FOR UPDATE'), bind(''), execute(), sync],
    ] as const)
      await alone(`parsed: ${what}`, await newcomer(), Buffer.concat(cycle));
    assert(
      await isShared(
        await newcomer(),
        Buffer.concat([parse('', 'SELECT 1'), bind(''), describe('P'), execute(), sync]),
      ),
      'the extended protocol is not shared',
    );
    const preparing = async (text: string): Promise<RawClient> => {
      const client = await newcomer();
      await prepares(client, 'p', text);
      return client;
    };
    for (const [text, ...cycle] of [
      ['SELECT 1', bind('p'), execute('', 1), sync],
      ['SELECT 1', bind('p', [], { portal: 'c' }), execute('c'), sync],
      ['SELECT 1', bind('p'), execute(), execute(), sync],
      ['SELECT 1', bind('p'), describe('S', 'p'), execute(), sync],
      ['SELECT n FROM alone FOR UPDATE', bind('p'), execute(), sync],
      ['INSERT INTO alone VALUES (4)', bind('p'), execute(), sync],
      ['SELECT hides()', bind('p'), execute(), sync],
      ['SELECT pg_backend_pid()', bind('p'), execute(), sync],
    ] as const)
      await alone(`prepared: ${text}`, await preparing(text), Buffer.concat(cycle));
    const client = await preparing('SELECT 1');
    assert(await isShared(client, Buffer.concat([bind('p'), execute(), sync])), 'not shared');
    for (const before of [
      'BEGIN',
      'CREATE TEMPORARY TABLE mine (n int)',
      'LISTEN something',
      "SELECT dynamic($$SELECT set_config('app.' || 'hidden', 'y', false)$$)",
    ]) {
      const client = await newcomer();
      await client.query(before);
      await alone(`after ${before}`, client, query('SELECT 1'));
      client.destroy();
    }
  });

  test('a session reads what it has written', async (t) => {
    const clients = await several(route(), t, 6);
    await clients[0]?.query('CREATE TABLE own (who int PRIMARY KEY, n int)');
    await Promise.all(
      clients.map(async (client, who) => {
        await client.query(`INSERT INTO own VALUES (${who}, 0)`);
        for (let turn = 1; turn < 30; turn += 1) {
          await client.query(`UPDATE own SET n = ${turn} WHERE who = ${who}`);
          assert.equal(await client.value(`SELECT n FROM own WHERE who = ${who}`), String(turn));
        }
      }),
    );
  });

  test('transactions, temporary tables and pipelined cycles work as before', async (t) => {
    const clients = await several(route(), t, 6);
    await Promise.all(
      clients.slice(0, 2).map(async (client, who) => {
        for (let turn = 0; turn < 10; turn += 1) {
          await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1`);
          assert.equal(await client.value('SHOW transaction_isolation'), 'repeatable read');
          await client.query('COMMIT');
          assert.equal(await client.value('SHOW transaction_isolation'), 'read committed');
          client.send(query(`SELECT ${who}`), query('SELECT 2'), query(`SELECT ${turn}`));
          for (const value of [who, 2, turn])
            assert.deepEqual(rowsOf(await client.ready()), [[String(value)]]);
        }
      }),
    );
    const [client] = clients;
    assert(client !== undefined);
    await client.query('CREATE TEMPORARY TABLE mine AS SELECT 7 AS n');
    assert.equal(await client.value('SELECT n FROM mine'), '7');
  });

  test('a terminated server process fails at most the read that it may have run', async (t) => {
    if (route().isDirect) return;
    const clients = await several(route(), t, 8);
    const rounds = 8;
    const end = new AbortController();
    let lost = 0;
    const reading = clients.map(async (client, who) => {
      for (let turn = 0; !end.signal.aborted; turn += 1) {
        const answer = await client.query(`SELECT '${who} ${turn}'`);
        // The connection was reset before the error could be read: the read may have crashed the process.
        if (summary(answer) === 'E 08006 | Z I') lost += 1;
        else assert.deepEqual(rowsOf(answer), [[`${who} ${turn}`]]);
      }
    });
    for (let round = 0; round < rounds; round += 1) {
      await route().database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ann' AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
      );
      await eventually(async () => assert((await route().backends()).length > 0));
    }
    end.abort();
    await Promise.all(reading);
    assert(lost <= 2 * rounds, `${lost} reads were lost with ${2 * rounds} connections`);
  });
});
