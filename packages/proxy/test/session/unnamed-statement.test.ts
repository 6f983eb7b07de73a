import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  buildBind,
  buildCloseStatement,
  buildDescribeStatement,
  buildExecute,
  buildParse,
  buildQuery,
  syncMessage,
} from '@sluice/wire';
import { loadParser } from '../../src/sql/index.ts';
import { ScriptedOwner, moved, parts } from './scripted-owner.ts';

await loadParser();

const bind = buildBind('', '');
const describe = buildDescribeStatement('');
const close = buildCloseStatement('');
const refusal = { severity: 'ERROR', sqlstate: '42703', message: 'no such column' };

let texts = 0;
/** A text that is unique to one test. */
function text(): string {
  return `SELECT ${++texts} AS unnamed`;
}

suite('the proxy describes the unnamed statement before Sync', () => {
  test('if the client neither describes nor binds it', () => {
    const { owner, server } = parts();
    const sql = text();
    owner.send(buildParse('', sql), syncMessage);
    assert.deepEqual(server.read(), [`P  ${sql}`, 'D S', 'S']);
    server.answer();
    assert.deepEqual(owner.replies(), ['1', 'ZI']);
  });

  test('unless the client describes it', () => {
    const { owner, server } = parts();
    const sql = text();
    owner.send(buildParse('', sql), describe, syncMessage);
    assert.deepEqual(server.read(), [`P  ${sql}`, 'D S', 'S']);
    server.answer();
    assert.deepEqual(owner.replies(), ['1', 't', 'n', 'ZI']);
  });

  test('unless the client binds it in the same cycle', () => {
    const { owner, server } = parts();
    const sql = text();
    owner.send(buildParse('', sql), bind, buildExecute(''), syncMessage);
    assert.deepEqual(server.read(), [`P  ${sql}`, 'B  ', 'E', 'S']);
  });

  test('even then, if the client has bound one in a later cycle before', () => {
    const { owner, server } = parts();
    owner.send(buildParse('', text()), syncMessage);
    server.answer();
    owner.send(bind, buildExecute(''), syncMessage);
    server.answer();
    server.read();
    const sql = text();
    owner.send(buildParse('', sql), bind, buildExecute(''), syncMessage);
    assert.deepEqual(server.read(), [`P  ${sql}`, 'B  ', 'E', 'D S', 'S']);
  });

  test('unless it is closed again', () => {
    const { owner, server } = parts();
    const sql = text();
    owner.send(buildParse('', sql), close, syncMessage);
    assert.deepEqual(server.read(), [`P  ${sql}`, 'C S', 'S']);
  });

  test('only once', () => {
    const { owner, server } = parts();
    owner.send(buildParse('', text()), syncMessage);
    server.answer();
    server.read();
    owner.send(buildExecute(''), syncMessage);
    assert.deepEqual(server.read(), ['E', 'S']);
  });
});

suite('the unnamed statement', () => {
  test('is the one of the last Parse', () => {
    const all = parts();
    const second = text();
    all.owner.send(buildParse('', text()), syncMessage, buildParse('', second), syncMessage);
    all.server.answer();
    const server = moved(all);
    all.owner.send(bind, syncMessage);
    assert.deepEqual(server.read(), [`P  ${second}`, 'B  ', 'S']);
  });

  test('does not exist after Close, on any connection', () => {
    const all = parts();
    all.owner.send(buildParse('', text()), syncMessage);
    all.owner.send(close, syncMessage);
    assert.equal(all.server.read().at(-2), 'C S');
    all.server.answer();
    assert.deepEqual(all.owner.replies(), ['1', 'ZI', '3', 'ZI']);
    const server = moved(all);
    all.owner.send(bind, syncMessage);
    assert.deepEqual(server.read(), ['B  ', 'S']);
    server.answer();
    assert.deepEqual(all.owner.replies(), ['E 26000', 'ZI']);
  });

  test('does not exist after a Parse that was refused', () => {
    const all = parts();
    const refused = text();
    all.server.errors.set(refused, refusal);
    all.owner.send(buildParse('', text()), syncMessage);
    all.owner.send(buildParse('', refused), syncMessage);
    all.server.answer();
    assert.deepEqual(all.owner.replies(), ['1', 'ZI', 'E 42703', 'ZI']);
    const server = moved(all);
    all.owner.send(bind, syncMessage);
    assert.deepEqual(server.read(), ['B  ', 'S']);
  });

  test('exists after a Close that was skipped', () => {
    const all = parts();
    const sql = text();
    all.owner.send(buildParse('', sql), syncMessage);
    all.server.answer();
    all.owner.send(buildBind('', 'nothing'), close, syncMessage);
    all.server.answer();
    const server = moved(all);
    all.owner.send(bind, syncMessage);
    assert.deepEqual(server.read(), [`P  ${sql}`, 'B  ', 'S']);
  });

  test('exists after a Query that was skipped', () => {
    const all = parts();
    const sql = text();
    all.owner.send(buildParse('', sql), syncMessage);
    all.server.answer();
    all.owner.send(buildBind('', 'nothing'), buildQuery('SELECT 1'), syncMessage);
    all.server.answer();
    const server = moved(all);
    all.owner.send(bind, syncMessage);
    assert.deepEqual(server.read(), [`P  ${sql}`, 'B  ', 'S']);
  });

  test('does not exist after a Query that failed', () => {
    const all = parts();
    all.owner.send(buildParse('', text()), syncMessage);
    all.server.answer();
    all.server.errors.set('SELECT 1/0', { ...refusal, sqlstate: '22012' });
    all.owner.send(buildQuery('SELECT 1/0'));
    all.server.answer();
    const server = moved(all);
    all.owner.send(bind, syncMessage);
    assert.deepEqual(server.read(), ['B  ', 'S']);
  });

  test('is uncertain after a pipelined Query, so a Bind waits', () => {
    const { owner, server } = parts();
    owner.send(buildParse('', text()), syncMessage);
    server.answer();
    server.read();
    owner.send(buildQuery('SELECT 1'), bind, syncMessage);
    assert.deepEqual(server.read(), ['Q SELECT 1']);
    server.answer();
    assert.deepEqual(server.read(), ['B  ', 'S']);
    server.answer();
    assert.equal(owner.replies().at(-2), 'E 26000');
  });

  test('is described only when the Parse of an earlier cycle is answered', () => {
    const { owner, server } = parts();
    owner.send(buildParse('', text()), syncMessage, describe, syncMessage);
    assert.equal(server.read().length, 3);
    server.answer();
    assert.deepEqual(server.read(), ['D S', 'S']);
    server.answer();
    assert.deepEqual(owner.replies(), ['1', 'ZI', 't', 'n', 'ZI']);
  });

  test('is certain if earlier cycles do not change it', () => {
    const { owner, server } = parts();
    owner.send(buildParse('', text()), describe, syncMessage);
    server.answer();
    owner.send(bind, syncMessage);
    server.answer();
    server.read();
    owner.send(buildBind('', 'nothing'), syncMessage, bind, syncMessage);
    assert.deepEqual(server.read(), ['B  nothing', 'S', 'B  ', 'S']);
  });

  test('of another session is closed before a request that would use it', () => {
    for (const request of [bind, describe]) {
      const first = parts();
      first.owner.send(buildParse('', text()), syncMessage);
      first.server.answer();
      first.server.read();
      const { server, connection } = first;
      first.owner.forwarder.leaseEnded(connection);
      const second = new ScriptedOwner();
      second.available = connection;
      second.send(request, syncMessage);
      assert.deepEqual(server.read(), ['C S', request === bind ? 'B  ' : 'D S', 'S']);
      server.answer();
      assert.deepEqual(second.replies(), ['E 26000', 'ZI']);
      second.send(request, syncMessage);
      assert.equal(server.read().length, 2, 'it is closed only once');
    }
  });

  test('of another session, whose Parse was refused, does not need to be closed', () => {
    const first = parts();
    const sql = text();
    first.server.errors.set(sql, {
      severity: 'ERROR',
      sqlstate: '42703',
      message: 'no such column',
    });
    first.owner.send(buildParse('', sql), syncMessage);
    first.server.answer();
    const { server, connection } = first;
    first.owner.forwarder.leaseEnded(connection);
    const second = new ScriptedOwner();
    second.available = connection;
    second.send(bind, syncMessage);
    assert.deepEqual(server.read(), ['B  ', 'S']);
  });

  test('is prepared again after the Query of another session', () => {
    const first = parts();
    const sql = text();
    first.owner.send(buildParse('', sql), syncMessage);
    first.server.answer();
    const { connection } = first;
    const server = moved(first);
    const second = new ScriptedOwner();
    second.available = connection;
    second.send(buildQuery('SELECT 1'));
    first.server.answer();
    second.forwarder.leaseEnded(connection);
    // The first session gets its previous connection.
    first.owner.available = connection;
    first.server.read();
    first.owner.send(bind, syncMessage);
    assert.deepEqual(first.server.read(), [`P  ${sql}`, 'B  ', 'S']);
    assert.deepEqual(server.read(), []);
  });

  test('is not prepared again if its session gets the same connection', () => {
    const all = parts();
    all.owner.send(buildParse('', text()), syncMessage);
    all.server.answer();
    all.server.read();
    const { connection } = all;
    moved(all);
    all.owner.available = connection;
    all.owner.send(bind, syncMessage);
    assert.deepEqual(all.server.read(), ['B  ', 'S']);
  });

  test('that is too long to keep is used on its connection only', () => {
    const { owner, server } = parts();
    owner.longestBuffered = 10_000;
    const long = buildParse('', `SELECT '${'x'.repeat(30_000)}'`);
    owner.send(long.subarray(0, 15_000));
    assert.deepEqual(
      owner.log.filter((call) => call.startsWith('unread')),
      ['unread long_statement'],
    );
    owner.send(long.subarray(15_000), syncMessage);
    server.answer();
    server.read();
    owner.replies();
    owner.send(bind, buildExecute(''), describe, syncMessage);
    assert.deepEqual(server.read(), ['B  ', 'E', 'D S', 'S']);
    server.answer();
    assert.deepEqual(owner.replies(), ['2', 'C SELECT', 't', 'n', 'ZI']);
    // It replaces the previous one.
    owner.send(buildParse('', text()), syncMessage);
    server.answer();
    owner.send(long.subarray(0, 15_000));
    owner.send(long.subarray(15_000), syncMessage);
    server.answer();
    server.read();
    owner.send(bind, syncMessage);
    assert.deepEqual(server.read(), ['B  ', 'S']);
  });
});

test('a Parse without the end of its text is left to PostgreSQL', () => {
  const { owner, server } = parts();
  const parse = buildParse('', text());
  // The message ends before the zero of its text.
  const cut = parse.subarray(0, parse.length - 3);
  cut.writeUInt32BE(cut.length - 1, 1);
  owner.send(cut, syncMessage);
  assert.equal(server.read().length, 2);
  assert.equal(owner.parsed, 0);
});
