import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  buildBind,
  buildDescribeStatement,
  buildExecute,
  buildParse,
  noData,
  noParameters,
  syncMessage,
} from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import { ParameterSets } from '../../src/parameters/parameter-sets.ts';
import { loadParser } from '../../src/sql/index.ts';
import { columnOf, ScriptedServer } from '../scripted-server.ts';
import { moved, parts, renamed } from './scripted-owner.ts';
import type { ScriptedOwner } from './scripted-owner.ts';

await loadParser();

const run = [buildExecute(''), syncMessage];
const rows = [noParameters, columnOf(23)];
const none = [noParameters, noData];

const gone: ErrorFields = { severity: 'ERROR', sqlstate: '42P01', message: 'no such table' };

let texts = 0;
function insert(): string {
  return `INSERT INTO t VALUES ('1.2.2000', ${++texts})`;
}
/** Its rows must be known before it runs. */
function write(): string {
  return `${insert()} RETURNING a`;
}

/**
 * The session on a connection without the statement, which its client has prepared under the DateStyle German; the
 * session has the DateStyle ISO now.
 */
function elsewhere(
  sql: string,
  { name = 'mine', as = none, now = as }: { name?: string; as?: Buffer[]; now?: Buffer[] } = {},
): { readonly owner: ScriptedOwner; readonly server: ScriptedServer } {
  const first = new ScriptedServer();
  first.describes = () => as;
  const all = parts(first);
  const { owner } = all;
  const values = [['datestyle', 'German']] as const;
  owner.readingUnder = () => ({ meaning: { key: 'german', values } });
  owner.send(buildParse(name, sql), buildDescribeStatement(name), syncMessage);
  all.server.answer();
  owner.replies();
  const server = moved(all);
  server.describes = () => now;
  owner.available?.state.parametersSet(new ParameterSets().acquire([['datestyle', 'ISO']]));
  return { owner, server };
}

/** The requests in words. What sets the DateStyle, or sets it back, is one word. */
function inShort(server: ScriptedServer): string[] {
  const words = server
    .read()
    .map((word) => (word.includes('SELECT ARRAY[') ? settingIn(word) : word))
    .filter((word) => !/^[BEC].*_start/.test(word));
  return renamed(words);
}

function settingIn(word: string): string {
  return word.includes("'German'") ? 'set' : 'set back';
}

for (const name of ['mine', ''])
  suite(
    `to prepare ${name === '' ? 'the unnamed' : 'a named'} statement under its DateStyle`,
    () => {
      const backend = name === '' ? '' : '#1';
      const prepares = (sql: string): string[] => ['set', `P ${backend} ${sql}`];
      const describes = `D S${backend}`;

      test('the proxy uses a separate cycle, to which the client gets no reply', () => {
        const sql = insert();
        const { owner, server } = elsewhere(sql, { name });
        owner.send(buildBind('', name), ...run);
        const binds = [`B  ${backend}`, 'E', 'S'];
        assert.deepEqual(inShort(server), [...prepares(sql), 'set back', 'S', ...binds]);
        server.answer();
        assert.deepEqual(owner.replies(), ['2', 'C SELECT', 'ZI']);
        assert.equal(owner.cycles.unanswered, 0);
        owner.send(buildBind('', name), ...run);
        assert.deepEqual(inShort(server), binds, 'it is prepared now');
      });

      test('the proxy divides an open cycle that has no Bind, when its replies have come', () => {
        const sql = insert();
        const { owner, server } = elsewhere(sql, { name });
        owner.send(buildParse('other', 'SELECT 1'), buildBind('', name), ...run);
        assert.equal(inShort(server).at(-1), 'H');
        server.answer();
        assert.deepEqual(inShort(server), [
          ...prepares(sql),
          'set back',
          'S',
          `B  ${backend}`,
          'E',
          'S',
        ]);
        server.answer();
        assert.deepEqual(owner.replies(), ['1', '2', 'C SELECT', 'ZI']);
      });

      test('the proxy does not divide a cycle that has failed', () => {
        const { owner, server } = elsewhere(insert(), { name });
        server.errors.set('SELECT nonsense', gone);
        owner.send(buildParse('other', 'SELECT nonsense'), buildBind('', name), ...run);
        assert.equal(inShort(server).at(-1), 'H');
        server.answer();
        assert.equal(inShort(server).filter((word) => word === 'S').length, 1);
      });

      test('the proxy uses the open cycle behind another Bind', () => {
        const sql = insert();
        const { owner, server } = elsewhere(sql, { name });
        owner.send(buildBind('other', 'none'), buildBind('', name), ...run);
        assert.deepEqual(inShort(server), [
          'B other none',
          ...prepares(sql),
          'set back',
          `B  ${backend}`,
          'E',
          'S',
        ]);
      });

      test('the proxy uses the cycle of the client for a read, whose rows may differ', () => {
        const sql = `SELECT '1.2.2000', ${++texts}`;
        const { owner, server } = elsewhere(sql, { name, as: rows });
        owner.send(buildBind('', name), ...run);
        const binds = [`B  ${backend}`, 'E', 'S'];
        assert.deepEqual(inShort(server), [...prepares(sql), describes, 'set back', ...binds]);
        server.answer();
        assert.deepEqual(owner.replies(), ['2', 'C SELECT', 'ZI']);
      });

      test('the proxy uses no separate cycle if the DateStyle is the same', () => {
        const sql = insert();
        const { owner, server } = elsewhere(sql, { name });
        owner.available?.state.parametersSet(
          new ParameterSets().acquire([['datestyle', 'German']]),
        );
        owner.send(buildBind('', name), ...run);
        assert.deepEqual(inShort(server), [`P ${backend} ${sql}`, `B  ${backend}`, 'E', 'S']);
      });

      test('a failure is the error of the Bind', () => {
        const sql = insert();
        const { owner, server } = elsewhere(sql, { name });
        server.errors.set(sql, gone);
        owner.send(buildBind('', name), ...run);
        server.answer();
        assert.deepEqual(owner.replies(), ['E 42P01', 'ZI']);
        assert.equal(owner.cycles.unanswered, 0);
        // The next use tries again.
        server.errors.clear();
        server.read();
        owner.send(buildBind('', name), ...run);
        assert.deepEqual(inShort(server).slice(0, 2), prepares(sql));
        server.answer();
        assert.deepEqual(owner.replies(), ['2', 'C SELECT', 'ZI']);
      });

      test('a failure to set the DateStyle is the error of the Bind too', () => {
        const { owner, server } = elsewhere(insert(), { name });
        server.errorOf = (request) =>
          request.includes("'German'")
            ? { severity: 'ERROR', sqlstate: '22023', message: 'invalid value' }
            : undefined;
        owner.send(buildBind('', name), ...run);
        server.answer();
        assert.deepEqual(owner.replies(), ['E 22023', 'ZI']);
      });

      test('a statement with rows waits until they are known to be the same', () => {
        const sql = write();
        const { owner, server } = elsewhere(sql, { name, as: rows });
        owner.send(buildBind('', name), ...run);
        assert.deepEqual(inShort(server), [...prepares(sql), describes, 'set back', 'S']);
        assert(owner.forwarder.awaitsAnswers);
        assert.equal(owner.ran, 0);
        assert.equal(owner.cycles.unanswered, 0, 'the cycle of the client has not begun');
        server.answer();
        assert.deepEqual(inShort(server), [`B  ${backend}`, 'E', 'S']);
        assert.equal(owner.ran, 1);
        server.answer();
        assert.deepEqual(owner.replies(), ['2', 'C SELECT', 'ZI']);
      });

      test('a statement with other rows does not run', () => {
        const { owner, server } = elsewhere(write(), { name, as: rows, now: none });
        owner.send(buildBind('', name), ...run);
        server.answerAll();
        assert.deepEqual(owner.replies(), ['E 0A000', 'ZI']);
        assert.equal(owner.ran, 0);
      });

      for (const [what, request] of [
        ['Bind', [buildBind('', name), ...run]],
        ['Describe', [buildDescribeStatement(name), syncMessage]],
      ] as const)
        test(`a ${what} that waited gets the error, in a cycle of its own`, () => {
          const sql = write();
          const { owner, server } = elsewhere(sql, { name, as: rows });
          server.errors.set(sql, gone);
          owner.send(...request);
          server.answer();
          const [missing = '', ...rest] = server.read();
          assert.match(missing, /^D Ssluice_\w+_none$/, 'the database fails at the same position');
          assert.equal(rest.at(-1), 'S');
          assert(!rest.some((word) => word.startsWith('P ')), 'it is not tried again');
          server.answer();
          assert.deepEqual(
            owner.replies(),
            what === 'Bind' ? ['E 42P01', 'ZI'] : ['t', 'E 42P01', 'ZI'],
          );
          assert.equal(owner.ran, 0);
          // The error is that of one request only.
          server.errors.clear();
          owner.send(...request);
          server.answerAll();
          assert.equal(owner.replies().at(-2), what === 'Bind' ? 'C SELECT' : 'T');
        });

      test('Describe of a statement that was prepared in a separate cycle', () => {
        const sql = insert();
        const { owner, server } = elsewhere(sql, { name });
        owner.send(buildDescribeStatement(name), syncMessage);
        assert.deepEqual(inShort(server), [...prepares(sql), 'set back', 'S', describes, 'S']);
        server.answer();
        assert.deepEqual(owner.replies(), ['t', 'n', 'ZI']);
      });

      test('Describe gets the error of the preparation', () => {
        const sql = insert();
        const { owner, server } = elsewhere(sql, { name });
        server.errors.set(sql, gone);
        owner.send(buildDescribeStatement(name), syncMessage);
        server.answer();
        assert.deepEqual(owner.replies(), ['t', 'E 42P01', 'ZI']);
      });
    },
  );

test('the end of the lease ends the preparation, also if it has failed', () => {
  const sql = write();
  const { owner, server } = elsewhere(sql, { as: rows });
  server.errors.set(sql, gone);
  owner.send(buildBind('', 'mine'), ...run);
  server.answerWhile((request) => request !== 'S');
  const { connection } = owner;
  assert(connection !== null);
  const other = moved({ owner, connection });
  owner.available?.state.parametersSet(new ParameterSets().acquire([['datestyle', 'ISO']]));
  owner.forwarder.resume();
  assert.equal(inShort(other)[1], `P #1 ${sql}`, 'it is prepared there');
});

test('if the connection has the statement, contrary to the assumption, the Bind runs it', () => {
  const sql = insert();
  const { owner, server } = elsewhere(sql);
  owner.send(buildBind('', 'mine'), ...run);
  server.answer();
  owner.replies();
  const { connection } = owner;
  assert(connection !== null);
  connection.state.statements.clear();
  server.errorOf = (request) =>
    request.endsWith(sql)
      ? { severity: 'ERROR', sqlstate: '42P05', message: 'prepared statement exists' }
      : undefined;
  owner.send(buildBind('', 'mine'), ...run);
  server.answer();
  assert.deepEqual(owner.replies(), ['2', 'C SELECT', 'ZI']);
  assert(connection.state.statements.isUncertain, 'others are closed before they are prepared');
});
