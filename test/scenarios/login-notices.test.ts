import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoginOptions } from '../helpers/raw-client.ts';
import { fieldsOf } from '../helpers/messages.ts';
import type { Message } from '../helpers/messages.ts';
import { eventually, onEachRoute } from '../helpers/routes.ts';
import type { Owner, Route } from '../helpers/routes.ts';

const password = 'teller secret';

const settings = {
  PoolSize: 2,
  Users: [
    { UserName: 'ann', Password: 'correct horse' },
    { UserName: 'teller', Password: password },
  ],
};

/** Restores what the cases change. */
const fresh = [
  'DROP DATABASE IF EXISTS till WITH (FORCE)',
  'DROP ROLE IF EXISTS teller',
  'DROP ROLE IF EXISTS owner',
  `CREATE ROLE teller LOGIN PASSWORD '${password}'`,
  'CREATE ROLE owner',
  'CREATE DATABASE till',
];

const asTeller: LoginOptions = { password, parameters: { user: 'teller', database: 'till' } };

/** The notices of a login, with what precedes and follows them: `R S* N Z`. */
async function greetingOf(
  route: Route,
  owner: Owner,
  parameters: Readonly<Record<string, string>> = {},
): Promise<Message[]> {
  const client = await route.open(owner);
  const messages = await client.login({
    ...asTeller,
    parameters: { ...asTeller.parameters, ...parameters },
  });
  await client.end();
  return messages;
}

function noticesOf(messages: readonly Message[], encoding: BufferEncoding = 'utf8'): string[] {
  return messages
    .filter(({ code }) => code === 'N')
    .map((message) => {
      const body = Buffer.from(message.body.toString(encoding), 'utf8');
      const { V: severity, C: sqlstate, M: text } = fieldsOf({ code: 'N', body });
      return `${severity} ${sqlstate} ${text}`;
    });
}

/** The codes of the messages after the authentication, with a run of one code as one. */
function orderOf(messages: readonly Message[]): string {
  const last = messages.findLastIndex(({ code }) => code === 'R');
  const codes = messages.slice(last).map(({ code }) => code);
  return codes.filter((code, at) => code !== codes[at - 1]).join('');
}

const denied = 'WARNING 42501 permission denied to set role "owner"';
const noTablespace = 'WARNING 22023 invalid value for parameter "default_tablespace": "nowhere"';

onEachRoute('notices during a login', { settings }, (route) => {
  async function begin(owner: Owner, texts: readonly string[]): Promise<void> {
    const admin = await route().login(owner);
    for (const text of [...fresh, ...texts]) await admin.rows(text);
    await admin.end();
  }

  /** Runs statements in the database of the cases, as a superuser. */
  async function inTill(owner: Owner, texts: readonly string[]): Promise<void> {
    const admin = await route().login(owner, { parameters: { database: 'till' } });
    for (const text of texts) await admin.rows(text);
    await admin.end();
  }

  for (const [title, texts, expected] of [
    ['none', [], []],
    ['a role that is not permitted', ['ALTER ROLE teller SET role = owner'], [denied]],
    [
      'a role that is not permitted in this database',
      ['ALTER ROLE teller IN DATABASE till SET role = owner'],
      [denied],
    ],
    [
      'a tablespace that does not exist',
      ['ALTER DATABASE till SET default_tablespace = nowhere'],
      [noTablespace],
    ],
    [
      'two settings',
      ['ALTER ROLE teller SET role = owner', 'ALTER ROLE teller SET default_tablespace = nowhere'],
      [denied, noTablespace],
    ],
  ] as const)
    test(`settings that PostgreSQL does not accept: ${title}`, async (t) => {
      await begin(t, texts);
      for (let turn = 0; turn < 3; turn += 1) {
        const greeting = await greetingOf(route(), t);
        assert.deepEqual(noticesOf(greeting), expected, `client ${turn}`);
        assert.equal(orderOf(greeting), expected.length === 0 ? 'RSKZ' : 'RNSKZ');
      }
    });

  test('a client that logs in beside others gets them too, and each only once', async (t) => {
    await begin(t, ['ALTER ROLE teller SET role = owner']);
    const clients = await Promise.all(
      Array.from({ length: 6 }, () => greetingOf(route(), t, { application_name: 'till' })),
    );
    for (const greeting of clients) assert.deepEqual(noticesOf(greeting), [denied]);
    const client = await route().login(t, asTeller);
    assert.deepEqual(noticesOf(await client.query('SELECT 1')), []);
  });

  for (const [level, isSent] of [
    ['notice', true],
    ['WARNING', true],
    ['error', false],
  ] as const)
    test(`client_min_messages = ${level} in the startup packet`, async (t) => {
      await begin(t, ['ALTER ROLE teller SET role = owner']);
      const greeting = await greetingOf(route(), t, { options: `-c client_min_messages=${level}` });
      assert.deepEqual(noticesOf(greeting), isSent ? [denied] : []);
      assert.deepEqual(noticesOf(await greetingOf(route(), t)), [denied]);
    });

  for (const from of ['this route', 'elsewhere'] as const) {
    const change = async (owner: Owner, text: string): Promise<void> => {
      if (from === 'elsewhere') await route().database.query(text);
      else await (await route().login(owner)).rows(text);
    };

    test(`a setting that changes, from ${from}: new clients get what holds now`, async (t) => {
      await begin(t, []);
      const expectLater = (expected: readonly string[]): Promise<void> =>
        eventually(async () => assert.deepEqual(noticesOf(await greetingOf(route(), t)), expected));
      await expectLater([]);
      await change(t, 'ALTER ROLE teller SET role = owner');
      await expectLater([denied]);
      await change(t, 'ALTER ROLE teller RESET role');
      await expectLater([]);
    });

    test(`a role that is granted and revoked, from ${from}`, async (t) => {
      await begin(t, ['ALTER ROLE teller SET role = owner']);
      const resident = await route().login(t, asTeller);
      const roleOf = async (): Promise<readonly [readonly string[], string | null | undefined]> => {
        const client = await route().open(t);
        const notices = noticesOf(await client.login(asTeller));
        const role = await client.value('SELECT current_user');
        await client.end();
        return [notices, role];
      };
      assert.deepEqual(await roleOf(), [[denied], 'teller']);
      assert.equal(await resident.value('SELECT current_user'), 'teller');
      await change(t, 'GRANT owner TO teller');
      await eventually(async () => assert.deepEqual(await roleOf(), [[], 'owner']));
      for (let turn = 0; turn < 4; turn += 1) {
        assert.equal(await resident.value('SELECT current_user'), 'teller', `resident ${turn}`);
        if (turn === 1) await resident.rows('RESET ROLE');
      }
      await change(t, 'REVOKE owner FROM teller');
      await eventually(async () => assert.deepEqual(await roleOf(), [[denied], 'teller']));
    });
  }

  test('login event triggers: after the key, in the encoding of the client', async (t) => {
    await begin(t, []);
    const [version] = await route().database.query<{ readonly server_version_num: string }>(
      'SHOW server_version_num',
    );
    if (Number(version?.server_version_num) < 170_000) {
      t.skip('PostgreSQL 17 is the first with them');
      return;
    }
    await inTill(t, [
      `CREATE FUNCTION greet() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE NOTICE 'grüß Gott'; RAISE WARNING 'mind the gap'; END $$`,
      'CREATE EVENT TRIGGER greet ON login EXECUTE FUNCTION greet()',
      'ALTER EVENT TRIGGER greet ENABLE ALWAYS',
    ]);
    const both = ['NOTICE 00000 grüß Gott', 'WARNING 01000 mind the gap'];
    await eventually(async () => assert.deepEqual(noticesOf(await greetingOf(route(), t)), both));
    for (let turn = 0; turn < 2; turn += 1) {
      const greeting = await greetingOf(route(), t);
      assert.deepEqual(noticesOf(greeting), both);
      assert.equal(orderOf(greeting), 'RSKNZ');
      const latin1 = await greetingOf(route(), t, { client_encoding: 'LATIN1' });
      assert.deepEqual(noticesOf(latin1, 'latin1'), both);
      const few = await greetingOf(route(), t, { options: '-c client_min_messages=warning' });
      assert.deepEqual(noticesOf(few), both.slice(1));
    }
    const now = async (): Promise<unknown> => noticesOf(await greetingOf(route(), t));
    const client = await route().login(t, { parameters: { database: 'till' } });
    const replaced = `CREATE OR REPLACE FUNCTION greet() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
         RAISE NOTICE 'hello'; END $$`;
    for (const [statement, expected] of [
      [replaced, ['NOTICE 00000 hello']],
      ['ALTER EVENT TRIGGER greet DISABLE', []],
      ['ALTER EVENT TRIGGER greet ENABLE ALWAYS', ['NOTICE 00000 hello']],
      ['DROP EVENT TRIGGER greet', []],
    ] as const) {
      await client.rows(statement);
      assert.deepEqual(await now(), expected, statement);
    }
  });

  test('a replication connection gets those of its own login', async (t) => {
    await begin(t, ['ALTER ROLE teller SET role = owner', 'ALTER ROLE teller REPLICATION']);
    const greeting = await greetingOf(route(), t, { replication: 'database' });
    assert.deepEqual(noticesOf(greeting), [denied]);
    assert.equal(orderOf(greeting), 'RNSKZ');
  });
});
