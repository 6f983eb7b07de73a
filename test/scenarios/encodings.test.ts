import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { message } from '../helpers/messages.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import { RawClient } from '../helpers/raw-client.ts';
import type { Address } from '../helpers/raw-client.ts';
import { play } from '../helpers/twin.ts';
import type { Script } from '../helpers/twin.ts';

/** A Query whose text is given as bytes, one character each. */
const bytes = (text: string): Buffer => message('Q', Buffer.from(`${text}\0`, 'latin1'));

/** Two letters beyond ASCII in each client encoding, as bytes, including letters that the others lack. */
const letters: Readonly<Record<string, readonly [string, string]>> = {
  UTF8: ['\xc3\xa9', '\xc3\xbc'],
  LATIN1: ['\xe9', '\xfc'],
  WIN1252: ['\xe9', '\x80'],
  EUC_JP: ['\xa4\xa2', '\xb7\xc9'],
  SJIS: ['\x82\xa0', '\x95\x5c'],
  SQL_ASCII: ['\xc3\xa9', '\xc3\xbc'],
};
const databases = ['UTF8', 'LATIN1', 'SQL_ASCII'];

/** The requests of a client with its own letters; every reply must contain the same letters. */
function scriptOf(database: string, encoding: string, letter: string, other: string): Script {
  // In a SQL_ASCII database, a client with UTF8 may send invalid UTF-8.
  const between = database === 'SQL_ASCII' ? encoding : 'UTF8';
  return {
    parameters: { client_encoding: encoding, application_name: `till ${encoding}` },
    steps: [
      bytes(`SET app.tenant = '${letter}'`),
      bytes('SHOW app.tenant'),
      bytes(`SET search_path = "k${letter}", public`),
      bytes("SHOW search_path; SELECT current_setting('app.tenant')"),
      bytes(`SET "app.${letter}" = 'x${other}'`),
      bytes(`SHOW "app.${letter}"`),
      bytes(`SELECT set_config('app.other', '${other}', false)`),
      bytes(`SET application_name = 'k${letter}'`),
      bytes('SHOW application_name'),
      bytes("SELECT current_setting('app.tenant'), current_setting('app.other')"),
      bytes(`SET client_encoding = '${between}'`),
      bytes('SELECT 1'),
      bytes('SHOW search_path'),
      bytes(`SET client_encoding = '${encoding}'`),
      bytes('SHOW app.tenant'),
      bytes('RESET app.tenant; RESET ALL'),
      bytes('SHOW search_path'),
    ],
  };
}

for (const database of databases) {
  onEachRoute(
    `encodings in a ${database} database`,
    {
      settings: { PoolSize: 1 },
      routes: ['node', 'bun'],
      // What Bun does with bytes does not depend on the database.
      sample: database === 'UTF8' ? ['node', 'bun'] : onOneRuntime,
    },
    (route) => {
      const directly = (): Address => {
        const { host, port } = route().database;
        return { ...route().address, host, port, database: 'letters' };
      };
      const here = (): Address => ({ ...route().address, database: 'letters' });

      before(async () => {
        const rows = await route().database.query(
          "SELECT FROM pg_database WHERE datname = 'letters'",
        );
        if (rows.length > 0) return;
        await route().database.query(
          `CREATE DATABASE letters TEMPLATE template0 ENCODING '${database}' LOCALE 'C'`,
        );
      });

      // PostgreSQL refuses non-ASCII text in SJIS if it cannot convert it.
      const spoken = Object.entries(letters).filter(
        ([encoding]) => database !== 'SQL_ASCII' || encoding !== 'SJIS',
      );

      for (const [encoding, [first, second]] of spoken) {
        test(`${encoding}: parameters alternate with those of a client with other letters`, async () => {
          const scripts = [
            scriptOf(database, encoding, first, second),
            scriptOf(database, encoding, second, first),
          ];
          const direct = await Promise.all(scripts.map((script) => play(directly(), script)));
          // On one connection their requests alternate, each with a replay of its parameters before it.
          assert.deepEqual(
            await Promise.all(scripts.map((script) => play(here(), script))),
            direct,
          );
        });
      }

      test('clients of all encodings at once', async () => {
        const scripts = spoken.flatMap(([encoding, [first, second]]) => [
          scriptOf(database, encoding, first, second),
          scriptOf(database, encoding, second, first),
        ]);
        const direct = await Promise.all(scripts.map((script) => play(directly(), script)));
        assert.deepEqual(await Promise.all(scripts.map((script) => play(here(), script))), direct);
      });

      test('schemas and roles with non-ASCII names in the startup packet', async (t) => {
        const setup = await RawClient.open(directly());
        t.after(() => setup.end());
        await setup.login({
          parameters: { client_encoding: database === 'UTF8' ? 'UTF8' : 'SQL_ASCII' },
        });
        for (const letter of letters[database] ?? []) {
          setup.send(
            bytes(`DROP SCHEMA IF EXISTS "s${letter}" CASCADE; DROP ROLE IF EXISTS "r${letter}"`),
          );
          await setup.ready();
          setup.send(
            bytes(
              `CREATE SCHEMA "s${letter}"; CREATE ROLE "r${letter}"; GRANT USAGE ON SCHEMA "s${letter}" TO "r${letter}";
             CREATE VIEW "s${letter}".v AS SELECT '${letter}'::text AS l; GRANT SELECT ON "s${letter}".v TO "r${letter}"`,
            ),
          );
          const answer = await setup.ready();
          assert(answer.every(({ code }) => code !== 'E'));
        }
        const scripts = (letters[database] ?? []).map((letter) => ({
          // The helper writes UTF-8, so only such bytes are possible in the startup packet.
          parameters: {
            options: `-c search_path="s${Buffer.from(letter, 'latin1').toString()}"`,
            role: `r${Buffer.from(letter, 'latin1').toString()}`,
          },
          steps: [
            bytes('SELECT l FROM v'),
            bytes('RESET ALL'),
            bytes('SELECT l, current_user FROM v; RESET ROLE; SELECT current_user'),
          ],
        }));
        if (database === 'LATIN1') return;
        const direct = await Promise.all(scripts.map((script) => play(directly(), script)));
        assert.deepEqual(await Promise.all(scripts.map((script) => play(here(), script))), direct);
        for (const letter of letters[database] ?? []) {
          setup.send(bytes(`DROP SCHEMA "s${letter}" CASCADE; DROP ROLE "r${letter}"`));
          await setup.ready();
        }
      });
    },
  );
}

/*
 * PostgreSQL reports search_path (since version 18) in the encoding of the client. A character that does not exist
 * there is an error at the end of the cycle, and again after that error.
 */
onEachRoute(
  'values that do not exist in a client’s encoding',
  { settings: { PoolSize: 1 } },
  (route) => {
    test('a login with such a value is refused, and others are not affected', async (t) => {
      const bystander = await route().login(t);
      const client = await route().open(t);
      await assert.rejects(
        client.login({ parameters: { client_encoding: 'WIN1252', search_path: '日本' } }),
        { code: '22P05', severity: 'FATAL' },
      );
      assert.equal(await bystander.value('SELECT 1'), '1');
    });

    test('a session keeps a value that it set under another encoding', async (t) => {
      const client = await route().login(t);
      await client.query("SET search_path = '日本'; SET app.word = '日本'");
      await client.query("SET client_encoding = 'WIN1252'");
      for (let turn = 0; turn < 3; turn++) {
        const other = await route().login(t);
        assert.equal(await other.value('SHOW search_path'), '"$user", public');
        await other.query(`SET search_path = 'turn ${turn}'`);
        assert.equal(await client.value('SHOW client_encoding'), 'WIN1252');
        assert.equal(
          await client.value("SELECT convert_to(current_setting('search_path'), 'UTF8')"),
          '\\x22e697a5e69cac22',
        );
        await other.end();
      }
    });
  },
);
