import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../helpers/database.ts';
import type { Runtime } from '../helpers/runtime.ts';
import { Sluice } from '../helpers/sluice.ts';
import { DatabaseError, RawClient } from '../helpers/raw-client.ts';
import { eventually, onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import type { Owner, Route } from '../helpers/routes.ts';

const passwords = { teller: 'teller secret', owner: 'owner secret' };

/** The users of the daemon, as in the database. */
const settings = {
  PoolSize: 3,
  Users: [
    { UserName: 'ann', Password: 'correct horse' },
    { UserName: 'teller', Password: passwords.teller },
  ],
};

/** Restores the role and the database that the changes modify. */
const fresh = [
  'DROP DATABASE IF EXISTS till WITH (FORCE)',
  'DROP DATABASE IF EXISTS "Kasse 2"',
  'ALTER ROLE ALL RESET ALL',
  'DROP ROLE IF EXISTS teller',
  'DROP ROLE IF EXISTS teller2',
  'DROP ROLE IF EXISTS cashiers',
  'DROP ROLE IF EXISTS owner',
  `CREATE ROLE teller LOGIN PASSWORD '${passwords.teller}'`,
  'CREATE ROLE cashiers',
  'CREATE ROLE owner',
  'GRANT owner TO teller',
  'CREATE DATABASE till',
];

const asTeller = { password: passwords.teller, parameters: { user: 'teller', database: 'till' } };

/** What a new client finds: the result of a query, or the error of its login. */
async function newcomer(
  route: Route,
  owner: Owner,
  question: string,
): Promise<string | null | undefined> {
  const client = await route.open(owner);
  try {
    await client.login(asTeller);
    return await client.value(question);
  } catch (error) {
    if (error instanceof DatabaseError) return error.code;
    throw error;
  } finally {
    await client.end();
  }
}

interface Case {
  readonly title: string;
  readonly change: readonly string[];
  /** The query of a new client. */
  readonly question: string;
  readonly before: string;
  readonly after: string;
  /** Null: an existing client may see a different value afterwards. */
  readonly stays?: null;
  /** No session may be logged in to the database during the change. */
  readonly alone?: true;
}

const workMem = { question: 'SHOW work_mem', before: '4MB', after: '33MB' };
const one = { question: 'SELECT 1', before: '1' };

const cases: readonly Case[] = [
  { title: 'ALTER ROLE SET', change: ["ALTER ROLE teller SET work_mem = '33MB'"], ...workMem },
  {
    title: 'ALTER DATABASE SET',
    change: ["ALTER DATABASE till SET work_mem = '33MB'"],
    ...workMem,
  },
  {
    title: 'ALTER ROLE IN DATABASE SET, which counts more than the others',
    change: [
      "ALTER ROLE teller SET work_mem = '34MB'; ALTER DATABASE till SET work_mem = '35MB'",
      "ALTER ROLE teller IN DATABASE till SET work_mem = '33MB'",
    ],
    ...workMem,
  },
  {
    title: 'ALTER ROLE ALL SET',
    change: ["ALTER ROLE ALL SET work_mem = '33MB'"],
    ...workMem,
    // The query for the previous values may itself have started later, if no connection of the pool is old enough.
    stays: null,
  },
  {
    title: 'ALTER ROLE SET of a list',
    change: ['ALTER ROLE teller SET search_path = "a b", public'],
    question: 'SHOW search_path',
    before: '"$user", public',
    after: '"a b", public',
  },
  {
    title: 'ALTER ROLE SET of a custom parameter',
    change: ["ALTER ROLE teller SET app.tenant = 'seven'"],
    question: "SELECT coalesce(current_setting('app.tenant', true), '')",
    before: '',
    after: 'seven',
  },
  {
    title: 'ALTER ROLE SET role',
    change: ['ALTER ROLE teller SET role = owner'],
    question: 'SELECT current_user',
    before: 'teller',
    after: 'owner',
  },
  {
    title: 'ALTER ROLE SET of what only a superuser may set',
    change: ["ALTER ROLE teller SET log_statement = 'all'"],
    question: 'SHOW log_statement',
    before: 'none',
    after: 'all',
    // Its connections have the new value; only a superuser could restore the old one for the session.
    stays: null,
  },
  {
    title: 'SUPERUSER',
    change: ['ALTER ROLE teller SUPERUSER'],
    question: 'SHOW is_superuser',
    before: 'off',
    after: 'on',
    stays: null,
  },
  { title: 'NOLOGIN', change: ['ALTER ROLE teller NOLOGIN'], ...one, after: '28000' },
  {
    title: 'VALID UNTIL',
    change: ["ALTER ROLE teller VALID UNTIL '2001-01-01'"],
    ...one,
    after: '28P01',
  },
  {
    title: 'REVOKE CONNECT from all',
    change: ['REVOKE CONNECT ON DATABASE till FROM PUBLIC'],
    ...one,
    after: '42501',
  },
  {
    title: 'CONNECT only by membership, and membership revoked',
    change: [
      'GRANT CONNECT ON DATABASE till TO owner; REVOKE CONNECT ON DATABASE till FROM PUBLIC',
      'REVOKE owner FROM teller',
    ],
    ...one,
    after: '42501',
  },
  {
    title: 'ALLOW_CONNECTIONS',
    change: ['ALTER DATABASE till ALLOW_CONNECTIONS false'],
    ...one,
    after: '55000',
  },
  {
    title: 'datallowconn by UPDATE',
    change: ["UPDATE pg_database SET datallowconn = false WHERE datname = 'till'"],
    ...one,
    after: '55000',
  },
  {
    title: 'CONNECTION LIMIT of the role',
    change: ['ALTER ROLE teller CONNECTION LIMIT 1'],
    ...one,
    after: '53300',
  },
  {
    title: 'CONNECTION LIMIT of the database',
    change: ['ALTER DATABASE till CONNECTION LIMIT 1'],
    ...one,
    after: '53300',
  },
  {
    title: 'CONNECTION LIMIT that is not reached',
    change: ['ALTER ROLE teller CONNECTION LIMIT 2; ALTER DATABASE till CONNECTION LIMIT 2'],
    ...one,
    after: '1',
  },
  {
    title: 'RENAME of the role',
    change: ['ALTER ROLE teller RENAME TO teller2'],
    ...one,
    after: '28P01',
  },
  {
    title: 'RENAME of the database',
    change: ['ALTER DATABASE till RENAME TO "Kasse 2"'],
    ...one,
    after: '3D000',
    alone: true,
  },
  { title: 'DROP DATABASE', change: ['DROP DATABASE till'], ...one, after: '3D000', alone: true },
  {
    title: 'DROP and CREATE DATABASE',
    change: [
      'DROP DATABASE till',
      'CREATE DATABASE till',
      "ALTER DATABASE till SET work_mem = '33MB'",
    ],
    ...workMem,
    alone: true,
  },
  {
    title: 'DROP and CREATE ROLE',
    change: [
      'DROP ROLE teller',
      `CREATE ROLE teller LOGIN PASSWORD '${passwords.teller}'; GRANT CREATE ON DATABASE till TO teller`,
    ],
    question: "SELECT has_database_privilege('till', 'CREATE')",
    before: 'f',
    after: 't',
    alone: true,
  },
  {
    title: 'in a DO block',
    change: ["DO $$ BEGIN EXECUTE 'ALTER ROLE teller ' || 'NOLOGIN'; END $$"],
    ...one,
    after: '28000',
  },
  {
    title: 'in a transaction that is committed',
    change: ['BEGIN', 'ALTER ROLE teller NOLOGIN', 'COMMIT'],
    ...one,
    after: '28000',
  },
  {
    title: 'in a transaction that is rolled back',
    change: ['BEGIN', 'ALTER ROLE teller NOLOGIN', 'ROLLBACK'],
    ...one,
    after: '1',
  },
];

function declareCases(route: () => Route): void {
  async function begin(owner: Owner, alone: boolean): Promise<[RawClient, RawClient | null]> {
    const admin = await route().login(owner);
    const keeper = await RawClient.login({ ...route().address, port: route().database.port });
    for (const statement of fresh) await keeper.rows(statement);
    await keeper.end();
    // The next login notices that the role and the database were replaced. Later, that would end the resident's
    // session.
    await admin.query('ALTER ROLE CURRENT_USER CONNECTION LIMIT -1');
    const resident = alone ? null : await route().login(owner, asTeller);
    return [admin, resident];
  }

  async function residentStays(resident: RawClient | null, each: Case): Promise<void> {
    if (resident === null || each.stays === null) return;
    // Several times, so that it is served on every connection.
    for (let turn = 0; turn < 6; turn += 1) {
      assert.equal(await resident.value(each.question), each.before, `who was there, ${turn}`);
      if (turn === 2) await resident.rows('RESET ALL');
      if (turn === 4) await resident.rows('DISCARD ALL');
    }
  }

  for (const each of cases) {
    const { title, change, question, before, after } = each;
    test(`${title}: through this route, at once`, async (t) => {
      const [admin, resident] = await begin(t, each.alone === true);
      assert.equal(await newcomer(route(), t, question), before, 'before');
      if (resident !== null) assert.equal(await resident.value(question), before, 'resident');
      for (const statement of change)
        assert.doesNotMatch(
          (await admin.query(statement)).map(({ code }) => code).join(''),
          /E/,
          statement,
        );
      assert.equal(await newcomer(route(), t, question), after, 'after');
      await residentStays(resident, each);
      assert.equal(await newcomer(route(), t, question), after, 'after a while');
    });

    // From elsewhere, the pool's own connections prevent the change.
    if (each.alone === true) continue;
    test(`${title}: from elsewhere, soon`, async (t) => {
      const [, resident] = await begin(t, false);
      assert.equal(await newcomer(route(), t, question), before, 'before');
      if (resident !== null) assert.equal(await resident.value(question), before, 'resident');
      const { address, database } = route();
      const elsewhere = await RawClient.login({ ...address, port: database.port });
      for (const statement of change) await elsewhere.query(statement);
      await elsewhere.end();
      await eventually(async () => assert.equal(await newcomer(route(), t, question), after));
      await residentStays(resident, each);
    });
  }
}

onEachRoute(
  'facts that PostgreSQL evaluates at login',
  { settings, sample: onOneRuntime },
  declareCases,
);

/** Parameters that the database reports, with values other than their defaults. */
const reported = [
  ['IntervalStyle', 'iso_8601'],
  ['TimeZone', 'Asia/Tokyo'],
  ['DateStyle', 'SQL, DMY'],
  ['application_name', 'configured'],
] as const;

onEachRoute(
  'configuration that the server rereads',
  { settings, sample: onOneRuntime },
  (route) => {
    for (const [name, value] of reported)
      for (const from of ['this route', 'elsewhere'] as const)
        test(`${name}, from ${from}: a new client gets the value of SHOW`, async (t) => {
          const inShop = await route().login(t);
          const inPostgres = await route().login(t, { parameters: { database: 'postgres' } });
          const before = [inShop, inPostgres].map(({ parameters }) => parameters.get(name));
          assert(!before.includes(value), 'before');
          const change = async (sql: string): Promise<void> => {
            if (from === 'elsewhere') await route().database.query(sql);
            else await inShop.rows(sql);
          };
          try {
            await change(`ALTER SYSTEM SET ${name} = '${value}'`);
            await change('SELECT pg_reload_conf()');
            for (const database of ['shop', 'postgres'])
              await eventually(async () => {
                const client = await route().login(t, { parameters: { database } });
                const shown = await client.value(`SHOW ${name}`);
                // The signal takes some time: until then both report the previous value.
                assert.equal(client.parameters.get(name), shown);
                assert.equal(shown, value);
                await client.end();
              });
          } finally {
            await change(`ALTER SYSTEM RESET ${name}`);
            await change('SELECT pg_reload_conf()');
          }
          for (const database of ['shop', 'postgres'])
            await eventually(async () => {
              const client = await route().login(t, { parameters: { database } });
              assert.equal(client.parameters.get(name), before[0]);
              await client.end();
            });
        });
  },
);

onEachRoute(
  'configuration that the server rereads, for clients that are logged in',
  { settings: { ...settings, PoolSize: 1 }, sample: onOneRuntime },
  (route) => {
    test('each gets the new value with its next reply, whatever the proxy sends before', async (t) => {
      const clients = [await route().login(t), await route().login(t)];
      // The proxy sets it at the start of each lease.
      for (const [at, client] of clients.entries()) await client.rows(`SET work_mem = ${at + 100}`);
      const [resident, other] = clients;
      const { database } = route();
      try {
        for (const value of ['iso_8601', 'sql_standard', 'postgres_verbose']) {
          await database.query(`ALTER SYSTEM SET IntervalStyle = '${value}'`);
          await database.query('SELECT pg_reload_conf()');
          await eventually(async () =>
            assert.equal(await other?.value('SHOW IntervalStyle'), value),
          );
          assert.equal(other?.parameters.get('IntervalStyle'), value);
          await resident?.rows('SELECT 1');
          assert.equal(resident?.parameters.get('IntervalStyle'), value);
        }
      } finally {
        await database.query('ALTER SYSTEM RESET IntervalStyle');
        await database.query('SELECT pg_reload_conf()');
      }
    });

    for (const [what, texts] of [
      ['in a Query that rolls back', ['BEGIN; SET work_mem = 700; ROLLBACK']],
      ['in a transaction that rolls back', ['BEGIN', 'SET work_mem = 700', 'ROLLBACK']],
      ['in a text that fails', ['SET work_mem = 700; SELECT 1 / 0']],
      [
        'after RESET, and back to a savepoint',
        ['BEGIN; RESET work_mem; SAVEPOINT s; SET work_mem = 700; ROLLBACK TO s; COMMIT'],
      ],
      [
        'after SET and RESET, and back to a savepoint',
        [
          'SET work_mem = 800',
          'BEGIN; RESET work_mem; SAVEPOINT s; SET work_mem = 700; ROLLBACK TO s; COMMIT',
        ],
      ],
    ] as const)
      test(`a parameter that was set ${what} has the new value`, async (t) => {
        const [resident, other] = [await route().login(t), await route().login(t)];
        const { database } = route();
        for (const text of texts) await resident.query(text);
        await other.rows('SET work_mem = 900');
        try {
          await database.query("ALTER SYSTEM SET work_mem = '36MB'");
          await database.query('SELECT pg_reload_conf()');
          await eventually(async () => {
            await other.rows('RESET work_mem');
            assert.equal(await other.value('SHOW work_mem'), '36MB');
          });
          assert.equal(await resident.value('SHOW work_mem'), '36MB');
        } finally {
          await database.query('ALTER SYSTEM RESET work_mem');
          await database.query('SELECT pg_reload_conf()');
        }
        await eventually(async () => assert.equal(await other.value('SHOW work_mem'), '4MB'));
      });

    test('a parameter that was set in a committed transaction keeps its value', async (t) => {
      const [resident, other] = [await route().login(t), await route().login(t)];
      for (const text of ['BEGIN', 'SET work_mem = 700', 'SET app.tenant = 7', 'COMMIT'])
        await resident.query(text);
      await other.rows('SET work_mem = 900; SET app.tenant = 8');
      assert.equal(await resident.value('SHOW work_mem'), '700kB');
      assert.equal(await resident.value('SHOW app.tenant'), '7');
    });
  },
);

onEachRoute('logins while login-time settings change', { settings }, (route) => {
  test('each client gets one login reply', async (t) => {
    const admins = await Promise.all([1, 2, 3].map(() => route().login(t)));
    const over = new AbortController();
    const changes = admins.map(async (admin) => {
      while (!over.signal.aborted) await admin.query('ALTER ROLE CURRENT_USER CONNECTION LIMIT -1');
    });
    // They arrive during the look-ups of others, some before a change and some after it.
    const clients = Array.from({ length: 12 }, async (_, at) => {
      for (let visit = 0; visit < 15; visit++) {
        // The proxy does not know yet what the database reports for these parameters.
        const parameters = { application_name: `till ${at} ${visit}` };
        const client = await route().login(t, { parameters });
        // A second greeting would be mistaken for the result.
        for (const question of [at, visit])
          assert.equal(await client.value(`SELECT ${question}`), String(question));
        await client.end();
      }
    });
    await Promise.all(clients);
    over.abort();
    await Promise.all(changes);
  });
});

for (const runtime of ['node', 'bun'] as const)
  test(`clients that connected before the writer was found keep their start values, and later ones get theirs (${runtime})`, async (t) => {
    const database = await startDatabase();
    t.after(() => database.stop('immediate'));
    const { user, password, database: name } = database;
    // The arrival of the first client varies by milliseconds.
    for (let round = 0; round < 4; round += 1) {
      const { host, port, ...sluice } = await startSluice(t, database, runtime);
      const login = async (): Promise<RawClient> => {
        const client = await RawClient.login({ host, port, user, password, database: name });
        t.after(() => client.destroy());
        return client;
      };
      const early = await login();
      assert.equal(await early.value('SHOW work_mem'), '4MB');
      await database.query(`ALTER DATABASE ${name} SET work_mem = '33MB'`);
      // The facts may be up to a second old.
      await delay(1000);
      const late = await login();
      assert.equal(await late.value('SHOW work_mem'), '33MB');
      assert.equal(await early.value('SHOW work_mem'), '4MB');
      await database.query(`ALTER DATABASE ${name} RESET work_mem`);
      await sluice.kill();
    }
  });

for (const runtime of ['node', 'bun'] as const)
  for (const isPinned of [false, true])
    test(`a session beside ${isPinned ? 'pinned ones' : 'transactions'} keeps its start values on connections that are opened later (${runtime})`, async (t) => {
      const database = await startDatabase();
      t.after(() => database.stop('immediate'));
      const { user, password, database: name } = database;
      const { host, port } = await startSluice(t, database, runtime);
      const clients: RawClient[] = [];
      for (let count = 0; count < 5; count += 1) {
        const client = await RawClient.login({ host, port, user, password, database: name });
        t.after(() => client.destroy());
        assert.equal(await client.value('SHOW work_mem'), '4MB');
        clients.push(client);
      }
      // They have shared one or two connections, and no client logs in afterwards.
      await database.query(`ALTER DATABASE ${name} SET work_mem = '33MB'`);
      await database.query(`ALTER ROLE ${user} SET lock_timeout = '7s'`);
      for (const client of clients) {
        for (const [parameter, value] of [
          ['work_mem', '4MB'],
          ['lock_timeout', '0'],
        ] as const) {
          assert.equal(await client.value(`SHOW ${parameter}`), value);
          await client.query(`RESET ${parameter}`);
          assert.equal(await client.value(`SHOW ${parameter}`), value);
        }
        // The next one needs another connection.
        await client.query(isPinned ? 'CREATE TEMPORARY TABLE mine (a int)' : 'BEGIN');
      }
    });

async function startSluice(
  owner: Owner,
  database: Postgres,
  runtime: Runtime,
): Promise<{ readonly host: string; readonly port: number; readonly kill: () => Promise<void> }> {
  const sluice = await Sluice.start(database, {}, runtime);
  owner.after(() => sluice.kill());
  return { host: sluice.host, port: sluice.port, kill: () => sluice.kill() };
}
