import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  FrontendCode,
  buildBind,
  buildCloseStatement,
  buildDescribeStatement,
  buildErrorResponse,
  buildExecute,
  buildMessage,
  buildParse,
  buildQuery,
  syncMessage,
} from '@sluice/wire';
import { LostTransaction } from '../../src/recovery/lost-transaction.ts';
import { Lexis, loadParser } from '../../src/sql/index.ts';
import { events } from '../../src/telemetry/events.ts';
import { ScriptedServer, connectTo } from '../scripted-server.ts';
import { moved, parts, renamed } from './scripted-owner.ts';
import type { Parts } from './scripted-owner.ts';

await loadParser();

const describePortal = buildMessage(FrontendCode.Describe, Buffer.from('P\0'));
const run = [buildExecute(''), syncMessage];

let texts = 0;
/** A text that is unique to one test. */
function text(): string {
  return `SELECT ${++texts} AS request`;
}

suite('after a statement that changes how texts are parsed', () => {
  /** Such a statement was sent; its reply is pending. */
  function changing(lexis: Lexis = Lexis.Backslashes): Parts {
    const all = parts();
    const { owner } = all;
    owner.onRun = () => {
      owner.forwarder.lexisChanges();
      owner.onRun = () => undefined;
    };
    owner.lexis = lexis;
    owner.send(buildQuery('SET standard_conforming_strings TO off'));
    all.server.read();
    return all;
  }

  for (const [lexis, sql] of [
    [Lexis.Backslashes, String.raw`SELECT '\'`],
    [Lexis.UnsafeEncoding, "SELECT 'ü'"],
  ] as const)
    for (const request of [buildQuery(sql), buildParse('', sql), buildParse('mine', sql)])
      test(`${String.fromCharCode(request[0] ?? 0)} of ${sql} waits until the change is known`, () => {
        const { owner, server } = changing(lexis);
        owner.send(request);
        assert.deepEqual(server.read(), []);
        assert(owner.forwarder.awaitsAnswers);
        owner.forwarder.resume();
        assert.deepEqual(server.read(), []);
        assert(!owner.log.includes('lexisReported'));
        server.answer();
        assert(owner.log.includes('lexisReported'));
        owner.send(syncMessage);
        assert(server.read().length > 0);
      });

  test('a text that is parsed in the same way does not wait', () => {
    const { owner, server } = changing();
    owner.send(buildQuery("SELECT 'a'"), buildQuery('SELECT bogus bogus bogus ('));
    assert.equal(server.read().length, 2);
  });

  test('without such a change, the text does not wait', () => {
    const { owner, server } = parts();
    owner.lexis = Lexis.Backslashes;
    owner.send(buildQuery('SELECT 1'), buildQuery(String.raw`SELECT '\'`));
    assert.equal(server.read().length, 2);
    assert(!owner.log.includes('lexisReported'));
  });

  test('the change is reported once', () => {
    const { owner, server } = changing();
    server.answer();
    owner.send(buildQuery('SELECT 1'));
    owner.send(buildQuery('SELECT 1'));
    assert.equal(owner.log.filter((call) => call === 'lexisReported').length, 1);
  });

  test('the end of the lease settles the change', () => {
    const all = changing();
    all.server.answer();
    moved(all);
    all.owner.send(buildQuery('SELECT 1'));
    assert(!all.owner.log.includes('lexisReported'));
  });

  test('SQL-level statements that could not be prepared again keep their connection', () => {
    for (const [sql, isFragile] of [
      [String.raw`SELECT '\'`, true],
      ["SELECT 'a'", false],
    ] as const) {
      const { owner, server } = parts();
      owner.send(buildQuery(`PREPARE mine AS ${sql}`));
      server.answer();
      assert.equal(owner.forwarder.lexisChanges(), isFragile);
      assert.deepEqual(owner.forwarder.trackedNames(), isFragile ? [] : ['mine']);
    }
  });
});

suite('a statement that needs a new connection', () => {
  const sql = 'SET temp_buffers = 100';

  for (const [what, request] of [
    ['a Parse', buildParse('', sql)],
    ['a named Parse', buildParse('mine', sql)],
  ] as const)
    test(`${what} is not sent on this one`, () => {
      const { owner, server } = parts();
      owner.send(buildQuery('SELECT 1'));
      server.answer();
      server.read();
      owner.wantsNew = true;
      owner.send(request, syncMessage);
      assert.deepEqual(server.read(), []);
      assert.equal(owner.connection, null);
      owner.wantsNew = false;
      const other = new ScriptedServer();
      owner.available = connectTo(other);
      owner.forwarder.resume();
      assert.equal(other.read().at(-1), 'S');
    });

  for (const name of ['', 'mine'])
    test(`a Bind of ${name === '' ? 'the unnamed' : 'a named'} one is not sent on this one`, () => {
      const { owner, server } = parts();
      owner.send(buildParse(name, sql), buildDescribeStatement(name), syncMessage);
      server.answer();
      server.read();
      owner.ran = 0;
      owner.wantsNew = true;
      owner.send(buildBind('', name), ...run);
      assert.deepEqual(server.read(), []);
      assert.equal(owner.connection, null);
      assert.equal(owner.ran, 0);
    });

  test('waits for the replies to earlier cycles', () => {
    const { owner, server } = parts();
    owner.send(buildQuery('SELECT 1'));
    owner.wantsNew = true;
    owner.send(buildQuery(sql));
    assert.deepEqual(server.read(), ['Q SELECT 1']);
    assert(owner.connection !== null, 'it is still needed');
    assert(owner.forwarder.awaitsAnswers);
    const other = new ScriptedServer();
    owner.available = connectTo(other);
    server.answer();
    assert.equal(owner.connection, null);
    owner.wantsNew = false;
    owner.forwarder.resume();
    assert.deepEqual(other.read(), [`Q ${sql}`]);
  });

  test('a statement that sets no parameter stays', () => {
    const { owner, server } = parts();
    owner.wantsNew = true;
    owner.send(buildQuery('SELECT 1'));
    assert.deepEqual(server.read(), ['Q SELECT 1']);
  });
});

test('subscribers get the normalized queries of Query and Parse', () => {
  const ignore = (): void => undefined;
  events.statement.subscribe(ignore);
  try {
    const { owner } = parts();
    owner.send(
      buildQuery('SELECT 1'),
      buildParse('a', 'SELECT 22, 2'),
      buildParse('', 'SELECT 3+3'),
    );
    assert.deepEqual(owner.published, ['select ?', 'select ?', 'select ?+?']);
  } finally {
    events.statement.unsubscribe(ignore);
  }
});

test('texts that may set parameters unseen are searched for names', () => {
  const { owner } = parts();
  owner.send(
    buildParse('a', 'CALL p(1)'),
    buildParse('', 'SET a.b TO 1'),
    buildParse('b', 'SELECT 1'),
    buildQuery('DO $$begin end$$'),
  );
  assert.deepEqual(
    owner.log.filter((call) => call.startsWith('names')),
    ['names CALL p(1)', 'names SET a.b TO 1', 'names DO $$begin end$$'],
  );
});

suite('a request that waits for its session', () => {
  for (const [what, request] of [
    ['a Query', buildQuery('SELECT nextval($$a$$)')],
    ['a Parse', buildParse('', 'SELECT 1')],
    ['a named Parse', buildParse('mine', 'SELECT 1')],
  ] as const)
    test(`${what} is sent when the replies before it are there`, () => {
      const { owner, server } = parts();
      owner.send(buildQuery('SELECT 1'));
      owner.waitsForSequences = true;
      owner.send(request);
      assert.deepEqual(server.read(), ['Q SELECT 1']);
      owner.waitsForSequences = false;
      server.answer();
      assert(server.read().length > 0);
    });

  for (const name of ['', 'mine'])
    test(`a Bind of ${name || 'the unnamed statement'} is sent when the session is ready`, () => {
      const { owner, server, connection } = parts();
      owner.send(buildParse(name, text()), buildDescribeStatement(name), syncMessage);
      server.answer();
      server.read();
      owner.makesWayNow = false;
      owner.send(buildBind('', name), ...run);
      assert.deepEqual(server.read(), []);
      assert.equal(owner.ran, 0);
      owner.makesWayNow = true;
      connection.lease.admitRequests();
      owner.forwarder.resume();
      assert.equal(server.read().length, 3);
      assert.equal(owner.ran, 1);
    });
});

const outdated = {
  severity: 'ERROR',
  sqlstate: '0A000',
  message: 'cached plan must not change result type',
  routine: 'RevalidateCachedQuery',
};

suite('a plan that is outdated', () => {
  /** A statement of SQL whose plan is outdated, once. */
  function execute(sql: string): { sent: string[]; replies: string[] } {
    const { owner, server } = parts();
    owner.send(buildQuery('PREPARE mine AS SELECT 1'));
    server.answer();
    owner.replies();
    server.errors.set(sql, outdated);
    owner.send(buildQuery(sql));
    server.read();
    server.answer();
    server.errors.clear();
    const sent = server.read();
    server.answer();
    return { sent, replies: owner.replies() };
  }

  test('of an EXECUTE is renewed, without an error for the client', () => {
    const { sent, replies } = execute('EXECUTE mine');
    assert.equal(sent[0], 'C Smine');
    assert.equal(sent.at(-1), 'Q EXECUTE mine');
    assert.deepEqual(replies, ['C EXECUTE', 'ZI']);
  });

  test('of an EXECUTE among other statements is an error, because they may have run', () => {
    const { sent, replies } = execute('SELECT 1; EXECUTE mine');
    assert.deepEqual(sent, []);
    assert.deepEqual(replies, ['E 0A000', 'ZI']);
  });

  /** A prepared statement whose plan is outdated, once. */
  function bound(...requests: readonly Buffer[]): { sent: string[]; replies: string[] } {
    const { owner, server } = parts();
    owner.send(buildParse('mine', text()), buildDescribeStatement('mine'), syncMessage);
    server.answer();
    owner.replies();
    server.read();
    server.errorOf = (request) => (request.startsWith('B ') ? outdated : undefined);
    owner.send(...requests);
    server.answer();
    server.errorOf = () => undefined;
    const sent = renamed(server.read());
    server.answer();
    return { sent, replies: owner.replies() };
  }

  test('of a Bind is renewed if the client requests the rows in the same cycle', () => {
    const { sent, replies } = bound(buildBind('', 'mine'), describePortal, ...run);
    assert.equal(sent[0], 'C S#1');
    assert.equal(sent.at(-1), 'S');
    assert.deepEqual(replies, ['2', 'n', 'C SELECT', 'ZI']);
  });

  test('of a Bind is an error for a client that would misread other rows', () => {
    assert.deepEqual(bound(buildBind('', 'mine'), ...run), {
      sent: [],
      replies: ['E 0A000', 'ZI'],
    });
  });

  test('of a Bind that is not the first in its cycle is an error', () => {
    const { replies } = bound(
      buildParse('', 'SELECT 1'),
      buildBind('', 'mine'),
      describePortal,
      ...run,
    );
    assert.deepEqual(replies, ['1', 'E 0A000', 'ZI']);
  });
});

suite('a statement that is missing on the connection, contrary to the assumption', () => {
  /** It was prepared, and the connection has lost it since. */
  function forgotten(): Parts {
    const all = parts();
    const { owner, server } = all;
    owner.send(buildParse('mine', text()), buildDescribeStatement('mine'), syncMessage);
    const [, name = ''] = (server.read()[0] ?? '').split(' ');
    server.answer();
    server.forget(name);
    owner.replies();
    return all;
  }

  test('is prepared again for a Describe', () => {
    const { owner, server } = forgotten();
    owner.send(buildDescribeStatement('mine'), syncMessage);
    server.answerAll();
    assert.deepEqual(owner.replies(), ['t', 'n', 'ZI']);
  });

  test('is an error after another request of its cycle', () => {
    const { owner, server } = forgotten();
    owner.send(buildParse('', 'SELECT 1'), buildDescribeStatement('mine'), syncMessage);
    server.answerAll();
    assert.deepEqual(owner.replies(), ['1', 'E 26000', 'ZI']);
  });

  test('a Parse is repeated if the connection has the statement, contrary to the assumption', () => {
    const { owner, server } = parts();
    server.errorOf = (request) =>
      request.startsWith('P ')
        ? {
            severity: 'ERROR',
            sqlstate: '42P05',
            message: `prepared statement "${request.split(' ')[1]}" already exists`,
          }
        : undefined;
    const sql = text();
    owner.send(buildParse('mine', sql), syncMessage);
    server.read();
    server.answer();
    server.errorOf = () => undefined;
    assert.deepEqual(renamed(server.read()), ['C S#1', `P #1 ${sql}`, 'D S#1', 'S']);
    server.answerAll();
    assert.deepEqual(owner.replies(), ['1', 'ZI']);
  });
});

suite('a statement that is prepared in a lost transaction', () => {
  const refusal = buildErrorResponse({ severity: 'ERROR', sqlstate: '40001', message: 'lost' });

  /** The client has sent this, and then ended the transaction. */
  function lost(...requests: readonly Buffer[]): Parts {
    const all = parts();
    all.owner.forwarder.transactionLost(new LostTransaction(refusal, true, false));
    all.owner.send(...requests);
    assert.deepEqual(all.owner.log, []);
    all.owner.send(buildQuery('ROLLBACK'));
    assert.deepEqual(all.owner.replies().slice(-2), ['C ROLLBACK', 'ZI']);
    return all;
  }

  test('has its name after the transaction', () => {
    const { owner, server } = lost(buildParse('mine', 'ROLLBACK'));
    assert.equal(owner.forwarder.names, 1);
    owner.send(buildBind('', 'mine'), ...run);
    assert.deepEqual(renamed(server.read()), ['P #1 ROLLBACK', 'D S#1', 'B  #1', 'E', 'S']);
  });

  test('does not replace another one with its name', () => {
    const all = parts();
    const { owner, server } = all;
    owner.send(buildParse('mine', 'COMMIT'), buildDescribeStatement('mine'), syncMessage);
    server.answer();
    owner.replies();
    const other = moved(all);
    owner.forwarder.transactionLost(new LostTransaction(refusal, true, false));
    owner.send(buildParse('mine', 'ROLLBACK'), syncMessage);
    owner.send(buildQuery('ROLLBACK'));
    owner.send(buildBind('', 'mine'), ...run);
    assert.match(other.read().join(), /^P \w+ COMMIT,/);
  });

  test('can be the unnamed statement', () => {
    const chunk = Buffer.concat([syncMessage, buildParse('', 'ROLLBACK')]);
    const all = parts();
    const { owner, server } = all;
    owner.forwarder.transactionLost(new LostTransaction(refusal, true, false));
    owner.send(chunk, buildBind('', ''), buildExecute(''), syncMessage);
    assert.deepEqual(owner.replies().slice(-4), ['1', '2', 'C ROLLBACK', 'ZI']);
    owner.send(buildBind('', ''), ...run);
    assert.deepEqual(server.read(), ['P  ROLLBACK', 'D S', 'B  ', 'E', 'S']);
  });

  test('does not exist after its Close', () => {
    const all = parts();
    const { owner, server } = all;
    owner.send(buildParse('mine', text()), syncMessage, buildParse('', text()), syncMessage);
    server.answer();
    owner.replies();
    const other = moved(all);
    owner.forwarder.transactionLost(new LostTransaction(refusal, true, false));
    owner.send(buildCloseStatement('mine'), buildCloseStatement(''), syncMessage);
    owner.send(buildQuery('ROLLBACK'));
    assert.equal(owner.forwarder.names, 0);
    owner.send(buildBind('', ''), syncMessage, buildBind('', 'mine'), syncMessage);
    assert.deepEqual(other.read(), ['B  ', 'S', 'B  mine', 'S']);
  });

  test('can end the transaction if it was prepared before', () => {
    const all = parts();
    const { owner, server } = all;
    owner.send(buildParse('end', 'ROLLBACK'), syncMessage, buildParse('', 'SELECT 1'), syncMessage);
    server.answer();
    owner.replies();
    moved(all);
    owner.forwarder.transactionLost(new LostTransaction(refusal, true, false));
    owner.send(buildBind('', ''), syncMessage);
    assert.equal(owner.replies().at(-1), 'ZE');
    owner.send(buildBind('', 'end'), ...run);
    assert.deepEqual(owner.replies(), ['2', 'C ROLLBACK', 'ZI']);
  });
});
