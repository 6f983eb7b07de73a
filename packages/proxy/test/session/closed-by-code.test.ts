import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { buildBind, buildExecute, buildParse, buildQuery, syncMessage } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import { loadParser } from '../../src/sql/index.ts';
import { messagesIn } from '../scripted-server.ts';
import { parts, renamed } from './scripted-owner.ts';
import type { Parts } from './scripted-owner.ts';

await loadParser();

let texts = 0;
/** A text that is unique to one test. */
function text(): string {
  return `SELECT ${++texts} AS closed`;
}

const run = [buildExecute(''), syncMessage];
const code = buildQuery('DO $$BEGIN EXECUTE $s$DEALLOCATE mine$s$; END$$');

function taken(name: string): ErrorFields {
  return {
    severity: 'ERROR',
    sqlstate: '42P05',
    message: `prepared statement "${name}" already exists`,
  };
}

/** A session whose client has prepared this statement, and has run code afterwards. */
function afterCode(sql: string, last = code): Parts & { readonly backendName: string } {
  const all = parts();
  const { owner, server } = all;
  owner.send(buildParse('mine', sql), syncMessage);
  const backendName = server.read()[0]?.split(' ')[1] ?? '';
  server.answer();
  owner.send(last);
  server.answer();
  server.read();
  owner.replies();
  return { ...all, backendName };
}

suite('Parse with the name of a statement that code may have closed', () => {
  test('asks PostgreSQL first, under the name of the old statement', () => {
    const { owner, server, backendName } = afterCode(text());
    const next = text();
    owner.send(buildParse('mine', next), syncMessage);
    const words = server.read();
    assert.equal(words[0], `P ${backendName} ${next}`);
    assert.deepEqual(renamed(words), [`P #1 ${next}`, 'C S#1', `P #2 ${next}`, 'D S#2', 'S']);
  });

  test('gives the name to the new statement if code has closed the old one', () => {
    const { owner, server, connection, backendName } = afterCode(text());
    server.forget(backendName);
    const next = text();
    owner.send(buildParse('mine', next), syncMessage);
    server.answer();
    assert.deepEqual(owner.replies(), ['1', 'ZI']);
    assert.equal(connection.state.statements.size, 1, 'the old one is not prepared here');
    const [, , parse = ''] = server.received.slice(-5);
    server.read();
    owner.send(buildBind('', 'mine'), ...run);
    assert.deepEqual(server.read(), [`B  ${parse.split(' ')[1]}`, 'E', 'S']);
  });

  test('is refused if code has not closed the old one, which keeps its name', () => {
    const { owner, server, backendName } = afterCode(text());
    server.errorOf = (request) =>
      request.startsWith(`P ${backendName} `) ? taken(backendName) : undefined;
    owner.send(buildParse('mine', text()), syncMessage);
    server.answer();
    const [error, ready] = messagesIn(owner.sentBytes());
    assert.match(
      error?.body.toString('latin1') ?? '',
      /^SERROR\0.*C42P05\0Mprepared statement "mine" already exists\0/,
    );
    assert.equal(ready?.code, 'Z');
    server.read();
    owner.send(buildBind('', 'mine'), ...run);
    assert.deepEqual(server.read(), [`B  ${backendName}`, 'E', 'S'], 'it is still prepared here');
    server.answer();
    assert.deepEqual(owner.replies(), ['2', 'C SELECT', 'ZI']);
  });

  test('is refused with the error of its text, and the old statement keeps its name', () => {
    const { owner, server, backendName } = afterCode(text());
    const wrong = text();
    server.errors.set(wrong, { severity: 'ERROR', sqlstate: '42703', message: 'no such column' });
    owner.send(buildParse('mine', wrong), syncMessage);
    server.answer();
    const [error] = messagesIn(owner.sentBytes());
    assert.match(error?.body.toString('latin1') ?? '', /C42703\0Mno such column\0/);
    server.read();
    owner.send(buildBind('', 'mine'), ...run);
    assert.deepEqual(server.read(), [`B  ${backendName}`, 'E', 'S']);
  });

  test('has no effect if an error before it in its cycle skips it', () => {
    const { owner, server, backendName } = afterCode(text());
    owner.send(buildBind('', 'nothing'), buildParse('mine', text()), syncMessage);
    server.answer();
    assert.deepEqual(owner.replies(), ['E 26000', 'ZI']);
    server.read();
    owner.send(buildBind('', 'mine'), ...run);
    assert.deepEqual(server.read(), [`B  ${backendName}`, 'E', 'S']);
  });

  test('does not ask if the code ran before the statement was prepared', () => {
    const { owner, server } = parts();
    owner.send(code);
    server.answer();
    owner.send(buildParse('mine', text()), syncMessage);
    server.answer();
    server.read();
    const next = text();
    owner.send(buildParse('mine', next), syncMessage);
    assert.deepEqual(server.read(), ['P mine ', `P mine ${next}`, 'S']);
  });

  test('does not ask after a plain read, which runs no such code', () => {
    const { owner, server } = afterCode(text(), buildQuery('SELECT 1'));
    const next = text();
    owner.send(buildParse('mine', next), syncMessage);
    assert.deepEqual(server.read(), ['P mine ', `P mine ${next}`, 'S']);
  });

  for (const [what, sql] of [
    ['a procedure', 'CALL p()'],
    ['a function', 'SELECT f()'],
    ['a trigger', 'INSERT INTO t VALUES (1)'],
    ['a text that the proxy cannot parse', 'FROBNICATE t'],
  ] as const)
    test(`asks after ${what}`, () => {
      const { owner, server } = afterCode(text(), buildQuery(sql));
      owner.send(buildParse('mine', text()), syncMessage);
      assert.match(renamed(server.read()).join(), /^P #1 .*,C S#1,P #2 /);
    });
});

suite('Parse with the name of a SQL-level statement that code may have closed', () => {
  /** A session with a SQL-level statement, which has run code afterwards. */
  function afterSql(last = code): Parts {
    const all = parts();
    for (const query of [buildQuery('PREPARE mine AS SELECT 1'), last]) {
      all.owner.send(query);
      all.server.answer();
    }
    all.server.read();
    all.owner.replies();
    return all;
  }

  test('asks PostgreSQL first, with the name of the client', () => {
    const { owner, server, connection } = afterSql();
    const next = text();
    owner.send(buildParse('mine', next), syncMessage);
    assert.deepEqual(renamed(server.read()), [
      `P mine ${next}`,
      'C Smine',
      `P #1 ${next}`,
      'D S#1',
      'S',
    ]);
    server.answer();
    assert.deepEqual(owner.replies(), ['1', 'ZI']);
    assert.deepEqual(owner.forwarder.trackedNames(), [], 'the name is no longer SQL-level');
    assert.equal(connection.state.clientNamed?.byName.size, 0, 'nor is it on the connection');
    owner.send(buildBind('', 'mine'), ...run);
    assert.deepEqual(renamed(server.read()), ['B  #1', 'E', 'S']);
  });

  test('is refused if code has not closed it', () => {
    const { owner, server } = afterSql();
    server.errorOf = (request) => (request.startsWith('P mine ') ? taken('mine') : undefined);
    owner.send(buildParse('mine', text()), syncMessage);
    server.answer();
    assert.deepEqual(owner.replies(), ['E 42P05', 'ZI']);
    assert.deepEqual(owner.forwarder.trackedNames(), ['mine']);
    server.read();
    owner.send(buildBind('', 'mine'), ...run);
    assert.deepEqual(server.read(), ['B  mine', 'E', 'S'], 'it is still prepared here');
  });

  test('does not ask without such code', () => {
    const { owner, server } = afterSql(buildQuery('SELECT 1'));
    const next = text();
    owner.send(buildParse('mine', next), syncMessage);
    assert.deepEqual(server.read(), [`P mine ${next}`, 'S']);
  });
});
