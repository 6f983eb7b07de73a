import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bind,
  cstring,
  execute,
  fieldsOf,
  int16,
  int32,
  message,
  parse,
  query,
  summary,
  sync,
} from '../helpers/messages.ts';
import type { RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import type { Owner } from '../helpers/routes.ts';

const roles = ['clerk', 'boss', 'warden'] as const;

const settings = {
  PoolSize: 3,
  Users: [
    { UserName: 'ann', Password: 'correct horse' },
    ...roles.map((role) => ({ UserName: role, Password: `${role} secret` })),
  ],
};

type Signal = 'pg_cancel_backend' | 'pg_terminate_backend';

const int4 = 23;

/** How a client refers to another one's process ID in a request, and the reply on success. */
const ways: Readonly<
  Record<string, { parts: (signal: Signal, pid: number) => Buffer[]; expected: string }>
> = {
  'a Query': {
    parts: (signal, pid) => [query(`SELECT ${signal}(${pid})`)],
    expected: 'T | D t | C SELECT 1 | Z I',
  },
  'a Query with more statements': {
    parts: (signal, pid) => [
      query(`SELECT 'é'; SELECT pg_catalog.${signal}(${pid}::int) AS done; SELECT 2`),
    ],
    expected: 'T | D é | C SELECT 1 | T | D t | C SELECT 1 | T | D 2 | C SELECT 1 | Z I',
  },
  'an unnamed statement': {
    parts: (signal, pid) => [parse('', `SELECT ${signal}(${pid})`), bind(''), execute(), sync],
    expected: '1 | 2 | D t | C SELECT 1 | Z I',
  },
  'a named statement': {
    parts: (signal, pid) => [
      parse(`s${pid}`, `SELECT ${signal}(${pid})`),
      bind(`s${pid}`),
      execute(),
      sync,
    ],
    expected: '1 | 2 | D t | C SELECT 1 | Z I',
  },
  'a value in text': {
    parts: (signal, pid) => [
      parse('', `SELECT ${signal}($1)`),
      bind('', [String(pid)]),
      execute(),
      sync,
    ],
    expected: '1 | 2 | D t | C SELECT 1 | Z I',
  },
  'a binary value of a named statement': {
    parts: (signal, pid) => [
      parse(`b${pid}`, `SELECT ${signal}($1)`, [int4]),
      message(
        'B',
        cstring(''),
        cstring(`b${pid}`),
        int16(1),
        int16(1),
        int16(1),
        int32(4),
        int32(pid),
        int16(0),
      ),
      execute(),
      sync,
    ],
    expected: '1 | 2 | D t | C SELECT 1 | Z I',
  },
};

onEachRoute(
  'signals to the process IDs of clients',
  { settings, sample: onOneRuntime },
  (route) => {
    const login = (owner: Owner, user = 'ann'): Promise<RawClient> =>
      route().login(owner, {
        password: user === 'ann' ? 'correct horse' : `${user} secret`,
        parameters: { user },
      });

    function pidOf(client: RawClient): number {
      assert(client.key !== undefined);
      return client.key.pid;
    }

    async function running(mark: string): Promise<void> {
      await eventually(async () => {
        const backends = await route().backends();
        assert(
          backends.some(({ state, query: text }) => state === 'active' && text.includes(mark)),
        );
      });
    }

    async function makeRoles(): Promise<void> {
      const { database } = route();
      for (const role of roles)
        await database.query(
          `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN
           CREATE ROLE ${role} LOGIN PASSWORD '${role} secret'; END IF; END $$`,
        );
      await database.query('GRANT clerk TO boss; GRANT pg_signal_backend TO warden');
    }

    /** The last messages of the database to a client whose connection it closes. */
    async function lastWords(client: RawClient): Promise<string> {
      const errors = (await client.untilClosed()).filter(({ code }) => code === 'E');
      return errors.map((error) => `${fieldsOf(error)['S']} ${fieldsOf(error)['C']}`).join(', ');
    }

    for (const [way, { parts, expected }] of Object.entries(ways)) {
      test(`pg_terminate_backend in ${way}: an idle client`, async (t) => {
        const [killer, victim, other] = await Promise.all([login(t), login(t), login(t)]);
        await victim.query("SET work_mem = '5MB'");
        killer.send(...parts('pg_terminate_backend', pidOf(victim)));
        assert.equal(summary(await killer.ready()), expected);
        assert.equal(await lastWords(victim), 'FATAL 57P01');
        assert.equal(await other.value('SELECT 1'), '1');
        assert.equal(await killer.value('SELECT 1'), '1');
      });

      test(`pg_terminate_backend in ${way}: a waiting client, one in a transaction, a pinned one`, async (t) => {
        const [killer, busy, open, pinned] = await Promise.all([
          login(t),
          login(t),
          login(t, 'ann'),
          login(t),
        ]);
        await open.query('BEGIN; SELECT 1');
        killer.send(...parts('pg_terminate_backend', pidOf(open)));
        assert.equal(summary(await killer.ready()), expected);
        assert.equal(await lastWords(open), 'FATAL 57P01');
        await pinned.query('CREATE TEMPORARY TABLE kept (id int)');
        killer.send(...parts('pg_terminate_backend', pidOf(pinned)));
        assert.equal(summary(await killer.ready()), expected);
        assert.equal(await lastWords(pinned), 'FATAL 57P01');
        busy.send(query(`SELECT pg_sleep(60), '${way}'`));
        await running(way);
        killer.send(...parts('pg_terminate_backend', pidOf(busy)));
        assert.equal(summary(await killer.ready()), expected);
        assert.equal(await lastWords(busy), 'FATAL 57P01');
      });

      test(`pg_cancel_backend in ${way}: an idle client, and a waiting one`, async (t) => {
        const [killer, victim, other] = await Promise.all([login(t), login(t), login(t)]);
        for (let turn = 0; turn < 5; turn += 1) {
          killer.send(...parts('pg_cancel_backend', pidOf(victim)));
          assert.match(
            summary(await killer.ready()),
            new RegExp(`${expected.slice(-20).replaceAll('|', '\\|')}$|42P05`),
          );
          assert.equal(await victim.value(`SELECT ${turn}`), `${turn}`);
          assert.equal(await other.value(`SELECT ${turn}`), `${turn}`);
          if (way.includes('named statement')) break;
        }
        const second = await login(t);
        victim.send(query(`SELECT pg_sleep(60), 'cancel ${way}'`));
        await running(`cancel ${way}`);
        second.send(...parts('pg_cancel_backend', pidOf(victim)));
        assert.equal(summary(await second.ready()), expected);
        assert.match(summary(await victim.ready()), /E 57014 \| Z I$/);
        assert.equal(await victim.value('SELECT 1'), '1');
      });
    }

    test('a named statement is used again for the same client on another connection', async (t) => {
      const [killer, victim] = await Promise.all([login(t), login(t)]);
      killer.send(parse('again', `SELECT pg_cancel_backend(${pidOf(victim)})`), sync);
      assert.equal(summary(await killer.ready()), '1 | Z I');
      for (let turn = 0; turn < 3; turn += 1) {
        victim.send(query(`SELECT pg_sleep(60), 'turn ${turn}'`));
        await running(`turn ${turn}`);
        killer.send(bind('again'), execute(), sync);
        assert.equal(summary(await killer.ready()), '2 | D t | C SELECT 1 | Z I');
        assert.match(summary(await victim.ready()), /E 57014 \| Z I$/);
        await killer.query('SELECT 1');
      }
      // The session's other prepared statements are not affected.
      killer.send(parse('', 'SELECT 7'), sync);
      await killer.ready();
      killer.send(bind('again'), execute(), bind(''), execute(), sync);
      assert.equal(
        summary(await killer.ready()),
        '2 | D t | C SELECT 1 | 2 | D 7 | C SELECT 1 | Z I',
      );
    });

    test('with a time-out argument', async (t) => {
      const [killer, victim] = await Promise.all([login(t), login(t)]);
      const answer = await killer.query(`SELECT pg_terminate_backend(${pidOf(victim)}, 5000)`);
      assert.equal(summary(answer), 'T | D t | C SELECT 1 | Z I');
      assert.equal(await lastWords(victim), 'FATAL 57P01');
    });

    test('an unknown process ID', async (t) => {
      const killer = await login(t);
      const answer = await killer.query('SELECT pg_terminate_backend(2000000000)');
      assert.equal(summary(answer), 'T | N 01000 | D f | C SELECT 1 | Z I');
    });

    test('in a transaction', async (t) => {
      const [killer, victim] = await Promise.all([login(t), login(t)]);
      await killer.query('BEGIN');
      const answer = await killer.query(`SELECT pg_terminate_backend(${pidOf(victim)})`);
      assert.equal(summary(answer), 'T | D t | C SELECT 1 | Z T');
      assert.equal(await lastWords(victim), 'FATAL 57P01');
      assert.equal(summary(await killer.query('COMMIT')), 'C COMMIT | Z I');
    });

    test('its own process ID', async (t) => {
      const client = await login(t);
      client.send(query(`SELECT pg_terminate_backend(${pidOf(client)})`));
      assert.equal(await lastWords(client), 'FATAL 57P01');
      const other = await login(t);
      const answer = await other.query(`SELECT pg_cancel_backend(${pidOf(other)})`);
      assert.match(summary(answer), /E 57014 \| Z I$/);
      assert.equal(await other.value('SELECT 1'), '1');
    });

    test('a statement that sends its signal late does not block other clients', async (t) => {
      const [victim, stranger] = [await login(t), await login(t)];
      await victim.query('BEGIN');
      stranger.send(query(`SELECT pg_sleep(4), pg_cancel_backend(${pidOf(victim)})`));
      const since = performance.now();
      for (let at = 0; at < 3; at++) assert.equal(await victim.value(`SELECT ${at}`), String(at));
      assert(performance.now() - since < 3000, `${performance.now() - since} ms`);
      // The signal reaches the right client.
      victim.send(query('SELECT pg_sleep(60)'));
      assert.match(summary(await victim.ready()), /E 57014 \| Z E$/);
      await stranger.ready();
      await victim.query('ROLLBACK');
      assert.equal(await victim.value('SELECT 1'), '1');
    });

    for (const [who, whom, expected] of [
      ['clerk', 'clerk', 'D t'],
      ['clerk', 'boss', 'E 42501'],
      ['boss', 'clerk', 'D t'],
      ['warden', 'clerk', 'D t'],
      ['warden', 'ann', 'E 42501'],
      ['clerk', 'ann', 'E 42501'],
      ['ann', 'clerk', 'D t'],
    ] as const)
      for (const state of ['idle', 'busy'] as const)
        test(`${who} terminates a client of ${whom} that is ${state}: ${expected}`, async (t) => {
          await makeRoles();
          const [killer, victim] = await Promise.all([login(t, who), login(t, whom)]);
          if (state === 'busy') {
            victim.send(query(`SELECT pg_sleep(60), '${who} ${whom}'`));
            await running(`${who} ${whom}`);
          }
          const answer = await killer.query(`SELECT pg_terminate_backend(${pidOf(victim)})`);
          assert.match(summary(answer), new RegExp(expected));
          if (expected === 'D t') assert.equal(await lastWords(victim), 'FATAL 57P01');
          else {
            if (state === 'busy') {
              await victim.cancel();
              assert.match(summary(await victim.ready()), /E 57014 \| Z I$/);
            }
            assert.equal(await victim.value('SELECT 1'), '1');
          }
        });

    test('an idle client runs nothing after the reply to its termination', async (t) => {
      const killer = await login(t);
      for (let turn = 0; turn < 100; turn++) {
        const target = await login(t);
        assert.equal(await killer.value(`SELECT pg_terminate_backend(${pidOf(target)})`), 't');
        target.send(query("SELECT 'too late'"));
        const expected = await target.untilClosed();
        assert.deepEqual(
          expected.map(({ code, body }) => (code === 'E' ? '57P01' : `${code} ${body.toString()}`)),
          ['57P01'],
          `turn ${turn}`,
        );
      }
    });
  },
);

onEachRoute(
  'signals to clients that wait in the borrow queue',
  { settings: { ...settings, PoolSize: 1 }, routes: ['node', 'bun'], sample: onOneRuntime },
  (route) => {
    for (const [signal, expected] of [
      ['pg_cancel_backend', 'E 57014 | Z I'],
      ['pg_terminate_backend', 'E 57P01'],
    ] as const)
      test(signal, async (t) => {
        const [holder, waiting] = await Promise.all([route().login(t), route().login(t)]);
        await holder.query('BEGIN; SELECT 1');
        waiting.send(query("SELECT 'never run'"));
        await eventually(async () => {
          assert.equal(await route().sluice.metric('sluice_borrow_queue_length'), 1);
        });
        const answer = await holder.query(`SELECT ${signal}(${waiting.key?.pid})`);
        assert.equal(summary(answer), 'T | D t | C SELECT 1 | Z T');
        if (signal === 'pg_cancel_backend') {
          assert.equal(summary(await waiting.ready()), expected);
          await holder.query('COMMIT');
          assert.equal(await waiting.value('SELECT 1'), '1');
        } else assert.equal(summary(await waiting.untilClosed()), expected);
      });
  },
);
