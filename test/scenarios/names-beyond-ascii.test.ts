import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { bind, close, describe, execute, parse, query, sync } from '../helpers/messages.ts';
import { onEachRoute, onOneRuntime } from '../helpers/routes.ts';
import type { Address } from '../helpers/raw-client.ts';
import { play } from '../helpers/twin.ts';
import type { Script } from '../helpers/twin.ts';

/*
 * PostgreSQL keeps the names of prepared statements in the encoding of the database. Under another client_encoding,
 * a name beyond ASCII has other bytes, and its bytes may be those of another name.
 */

/** A letter beyond ASCII in each client encoding, as bytes: two of them are the same letter. */
const letters: Readonly<Record<string, string>> = {
  UTF8: '\xc3\xa9',
  LATIN1: '\xe9',
  WIN1252: '\xe9',
  EUC_JP: '\xa4\xa2',
  SQL_ASCII: '\xc3\xa9',
};
const encodings = Object.keys(letters);

const text = (sql: string): Buffer => query(sql, 'latin1');
const run = (name: string): Buffer =>
  Buffer.concat([bind(name, [], { encoding: 'latin1' }), execute(), sync]);
const prepare = (name: string, sql: string): Buffer =>
  Buffer.concat([parse(name, sql, [], 'latin1'), sync]);
const look = (name: string): Buffer => Buffer.concat([describe('S', name, 'latin1'), sync]);
const drop = (name: string): Buffer => Buffer.concat([close('S', name, 'latin1'), sync]);

/** Uses statements that one encoding has named under another one, with the names of both. */
function scriptOf(from: string, to: string, who: string): Script {
  const one = letters[from] ?? '';
  const two = letters[to] ?? '';
  const uses = (name: string): Buffer[] => [
    run(`p${name}`),
    look(`p${name}`),
    text(`EXECUTE "p${name}"`),
    text(`EXECUTE "s${name}"`),
    run(`s${name}`),
    look(`s${name}`),
  ];
  return {
    parameters: { client_encoding: from },
    steps: [
      prepare(`p${one}`, `SELECT '${who} by Parse'`),
      text(`PREPARE "s${one}" AS SELECT '${who} by PREPARE'`),
      prepare('plain', `SELECT '${who} in ASCII'`),
      ...uses(one),
      prepare(`p${one}`, 'SELECT 1'),
      text(`PREPARE "s${one}" AS SELECT 1`),
      text(`SET client_encoding = '${to}'`),
      ...uses(one),
      ...uses(two),
      run('plain'),
      text('RESET client_encoding'),
      ...uses(one),
      text(`BEGIN; SET LOCAL client_encoding = '${to}'`),
      run(`p${two}`),
      text('ROLLBACK'),
      ...uses(one),
      text(`SELECT set_config('client_encoding', '${to}', false)`),
      prepare(`p${two}`, 'SELECT 2'),
      drop(`p${two}`),
      text(`DEALLOCATE "s${two}"`),
      ...uses(two),
      text(`SET client_encoding = '${from}'`),
      ...uses(one),
      prepare(`p${one}`, 'SELECT 3'),
      text('DISCARD ALL'),
      ...uses(one),
      run('plain'),
      prepare(`p${one}`, 'SELECT 4'),
      ...uses(one),
    ],
  };
}

/** Statements with such names have the effects that they would have under others. */
function effectsOf(who: string): Script {
  const shows = text(
    'SHOW search_path; SHOW application_name; SHOW client_encoding; SHOW datestyle',
  );
  const runs = (sql: string): Buffer[] => [
    Buffer.concat([parse('\xe9', sql, [], 'latin1'), run('\xe9')]),
    shows,
    drop('\xe9'),
  ];
  return {
    parameters: {
      client_encoding: 'LATIN1',
      application_name: who,
      search_path: who,
      datestyle: 'German, DMY',
    },
    steps: [
      shows,
      ...runs('SET search_path = elsewhere'),
      ...runs('RESET ALL'),
      ...runs("SELECT set_config('client_encoding', 'UTF8', false)"),
      text("SELECT '\xc3\xa9' = U&'\\00e9'; SET client_encoding = 'LATIN1'"),
      ...runs('BEGIN'),
      ...runs("SET LOCAL search_path = 'local'"),
      ...runs('ROLLBACK'),
      text(
        'CREATE TEMP TABLE t AS SELECT 1 AS a; PREPARE plain AS TABLE t; PREPARE "\xe9" AS TABLE t',
      ),
      text('ALTER TABLE t ADD b int'),
      text('EXECUTE plain'),
      text('EXECUTE "\xe9"'),
      text('EXECUTE "\xe9"'),
      text('DROP TABLE t; DEALLOCATE "\xe9"'),
      ...runs('DEALLOCATE plain'),
      run('plain'),
      text('PREPARE "\xe9" AS SELECT set_config(\'search_path\', NULL, false) IS NULL'),
      text('EXECUTE "\xe9"; SHOW search_path'),
      text('DEALLOCATE ALL'),
      shows,
      prepare('plain', 'SELECT 1'),
      ...runs('DISCARD ALL'),
      run('plain'),
      run('\xe9'),
      shows,
    ],
  };
}

for (const database of ['UTF8', 'LATIN1']) {
  onEachRoute(
    `names beyond ASCII in a ${database} database`,
    {
      settings: { PoolSize: 2 },
      routes: ['node', 'bun'],
      sample: database === 'UTF8' ? ['node', 'bun'] : onOneRuntime,
    },
    (route) => {
      const here = (): Address => ({ ...route().address, database: 'letters' });
      const directly = (): Address => {
        const { host, port } = route().database;
        return { ...here(), host, port };
      };

      before(async () => {
        await route().database.query('DROP DATABASE IF EXISTS letters WITH (FORCE)');
        await route().database.query(
          `CREATE DATABASE letters TEMPLATE template0 ENCODING '${database}' LOCALE 'C'`,
        );
      });

      test('statements with such names have their effects', async () => {
        const scripts = ['first', 'second', 'third'].map(effectsOf);
        const direct = await Promise.all(scripts.map((script) => play(directly(), script)));
        assert.deepEqual(await Promise.all(scripts.map((script) => play(here(), script))), direct);
      });

      for (const from of encodings) {
        test(`${from}: statements keep their names under every other encoding`, async () => {
          for (const to of encodings) {
            const scripts = ['first', 'second'].map((who) => scriptOf(from, to, who));
            const direct = await Promise.all(scripts.map((script) => play(directly(), script)));
            const pooled = await Promise.all(scripts.map((script) => play(here(), script)));
            assert.deepEqual(pooled, direct, `${from} and ${to}`);
          }
        });
      }
    },
  );
}
