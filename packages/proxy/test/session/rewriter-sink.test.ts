import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  bodyAt,
  buildBind,
  buildClosePortal,
  buildCloseStatement,
  buildDescribeStatement,
  buildMessage,
  buildParse,
  buildQuery,
  FrontendCode,
  noParameters,
  stringEnd,
  syncMessage,
} from '@sluice/wire';
import { readUnderAny } from '../../src/parameters/read-under.ts';
import { Reply } from '../../src/protocol/pending-replies.ts';
import { StatementRewriter } from '../../src/session/statement-rewriter.ts';
import { loadParser } from '../../src/sql/index.ts';
import { ClientStatement } from '../../src/statements/client-statement.ts';
import { UnnamedStatement } from '../../src/statements/unnamed-statement.ts';
import { columnOf } from '../scripted-server.ts';
import { RecordingSink } from './recording-sink.ts';
import { ScriptedOwner, renamed } from './scripted-owner.ts';

await loadParser();

let texts = 0;
/** A text that no other test has. */
function text(): string {
  return `SELECT ${++texts} AS sink`;
}

/** The rewriter of a session without a server connection: its requests go to a recording sink. */
class Rewriting {
  readonly owner = new ScriptedOwner();
  readonly sink: RecordingSink;
  readonly rewriter = new StatementRewriter(this.owner, {
    cycles: this.owner.cycles,
    leases: this.owner,
  });

  constructor(sink = new RecordingSink()) {
    this.sink = sink;
  }

  query(sql: string): boolean {
    return this.#send(buildQuery(sql), (chunk, at, next) =>
      this.rewriter.query(this.sink, chunk, at, next, chunk.length),
    );
  }

  /** With `missing`, so many bytes of the message have not arrived. */
  parse(name: string, sql: string, { missing = 0, after = [] as readonly Buffer[] } = {}): boolean {
    const send = (chunk: Buffer, at: number, next: number): boolean => {
      const nameEnd = stringEnd(chunk, bodyAt(at));
      const end = chunk.length - missing;
      return this.rewriter.parse(this.sink, chunk.subarray(0, end), at, nameEnd, next, end);
    };
    return this.#send(buildParse(name, sql), send, after);
  }

  bind(portal: string, name: string): boolean {
    return this.#send(buildBind(portal, name), (chunk, at, next) => {
      const portalEnd = stringEnd(chunk, bodyAt(at));
      const statementEnd = stringEnd(chunk, portalEnd + 1);
      return this.rewriter.bind(this.sink, chunk, at, portalEnd, statementEnd, next);
    });
  }

  describe(message: Buffer): boolean {
    return this.#send(message, (chunk, at) =>
      this.rewriter.describe(this.sink, chunk, at, stringEnd(chunk, bodyAt(at) + 1)),
    );
  }

  close(message: Buffer): boolean {
    return this.#send(message, (chunk, at) =>
      this.rewriter.closeStatement(this.sink, chunk, at, stringEnd(chunk, bodyAt(at) + 1)),
    );
  }

  /** The end of the cycle, and its answer. */
  sync(): string[] {
    this.sink.output.add(syncMessage);
    if (this.sink.pending.append(Reply.Sync)) this.owner.cycles.end();
    this.sink.cycleOpen = false;
    return this.answer();
  }

  answer(): string[] {
    const answered = this.sink.answer();
    while (this.owner.cycles.complete > 0) this.owner.cycles.answered(0);
    return answered;
  }

  /** Hands over a message in the middle of a chunk, as the request forwarder does. */
  #send(
    message: Buffer,
    handle: (chunk: Buffer, at: number, next: number) => boolean,
    after: readonly Buffer[] = [],
  ): boolean {
    const at = flush.length;
    const next = at + message.length;
    const chunk = Buffer.concat([flush, message, ...after]);
    const isCollected = handle(chunk, at, next);
    if (!isCollected && !this.rewriter.waits) this.sink.output.addRange(chunk, at, next);
    if (!this.rewriter.waits && message[0] !== FrontendCode.Query) {
      this.owner.cycles.begin();
      this.sink.cycleOpen = true;
    }
    return isCollected;
  }
}

const flush = buildMessage(FrontendCode.Flush);

/** The session has prepared and described a statement on the connection. */
function prepared(name: string, sql: string): Rewriting {
  const session = new Rewriting();
  session.parse(name, sql);
  session.sync();
  session.sink.bytes();
  return session;
}

suite('a Query', () => {
  test('is forwarded unchanged, and is a complete cycle', () => {
    const session = new Rewriting();
    assert.equal(session.query('SELECT 1'), false);
    assert.deepEqual(session.sink.requests(), ['Q SELECT 1']);
    assert.equal(session.owner.cycles.complete, 1);
    assert.equal(session.owner.ran, 1);
    assert.deepEqual(session.answer(), ['Query Forward']);
    assert.deepEqual(session.sink.reasons, []);
  });

  test('within an open cycle keeps other sessions from the connection', () => {
    const session = new Rewriting();
    session.parse('', text());
    session.query('SELECT 1');
    assert.deepEqual(session.sink.reasons, ['Query message in an open query cycle']);
  });

  test('destroys the unnamed statement, unless the database refuses a request before it', () => {
    const session = new Rewriting();
    session.parse('', text());
    session.sync();
    session.query('SELECT 1');
    const { unnamed } = session.rewriter.statements;
    assert.equal(unnamed.use.statement.source, null);
    assert.notEqual(unnamed.settled.source, null);
    session.answer();
    assert.equal(unnamed.settled.source, null);
  });

  test('that the database skips ends no cycle', () => {
    const session = new Rewriting();
    session.bind('', 'nothing');
    session.sink.refuse();
    session.query('SELECT 1');
    assert.equal(session.owner.cycles.complete, 0);
    assert.equal(session.owner.cycles.unanswered, 1);
    assert.deepEqual(session.sink.answer(), []);
  });

  test('that waits for the session leaves no trace', () => {
    const session = new Rewriting();
    session.owner.makesWayNow = false;
    assert.equal(session.query('DROP DATABASE a'), false);
    assert.equal(session.rewriter.waits, true);
    assert.equal(session.rewriter.leaves, false);
    assert.deepEqual(session.sink.requests(), []);
    assert.equal(session.owner.cycles.unanswered, 0);
    assert.equal(session.owner.ran, 0);
  });

  test('that needs a new connection leaves this one, between cycles only', () => {
    const session = new Rewriting();
    session.owner.wantsNew = true;
    session.query('SELECT 1');
    session.query('SET temp_buffers = 100');
    assert.deepEqual([session.rewriter.waits, session.rewriter.leaves], [true, false]);
    assert.deepEqual(session.sink.requests(), ['Q SELECT 1']);
    session.answer();
    session.query('SET temp_buffers = 100');
    assert.deepEqual([session.rewriter.waits, session.rewriter.leaves], [true, true]);
    assert.deepEqual(session.sink.requests(), []);
  });

  test('whose end has not arrived is not read', () => {
    const session = new Rewriting();
    const message = buildQuery('SELECT 1');
    const end = message.length - 3;
    const { rewriter, sink } = session;
    assert.equal(rewriter.query(sink, message.subarray(0, end), 0, message.length, end), false);
    assert.deepEqual(session.owner.log, ['unread long_statement', 'began']);
    assert.deepEqual(session.answer(), ['Query Forward']);
  });
});

suite('a Parse', () => {
  test('gets the name of the statement on connections, and is described', () => {
    const session = new Rewriting();
    const sql = text();
    assert.equal(session.parse('mine', sql), true);
    assert.deepEqual(renamed(session.sink.requests()), [`P #1 ${sql}`, 'D S#1']);
    assert.deepEqual(session.sync(), [
      'Parse Forward',
      'DescribeStatement Discard',
      'Sync Forward',
    ]);
    const named = session.rewriter.statements.names.get('mine');
    assert(named instanceof ClientStatement);
    assert.notEqual(named.analysis.description, null);
  });

  test('is not described if the client does that', () => {
    const session = new Rewriting();
    session.parse('mine', text(), { after: [buildDescribeStatement('mine')] });
    assert.deepEqual(session.sync(), ['Parse Forward', 'Sync Forward']);
  });

  test('leaves no name if it is refused', () => {
    const session = new Rewriting();
    session.parse('mine', text());
    const { names } = session.rewriter.statements;
    assert.equal(names.size, 1);
    session.sink.refuse();
    assert.equal(names.size, 0);
  });

  test('of a name in use goes to the database, which refuses it', () => {
    const session = prepared('mine', text());
    const sql = text();
    assert.equal(session.parse('mine', sql), false);
    // Before it, the name is put into use on the connection.
    const [taken, refused] = session.sink.requests();
    assert.match(taken ?? '', /^P mine /);
    assert.equal(refused, `P mine ${sql}`);
    assert.deepEqual(session.sync(), ['Parse Discard', 'Parse Forward', 'Sync Forward']);
  });

  test('of the unnamed statement is forwarded unchanged', () => {
    const session = new Rewriting();
    const sql = text();
    assert.equal(session.parse('', sql), false);
    assert.deepEqual(session.sink.requests(), [`P  ${sql}`]);
    assert.equal(session.owner.parsed, 1);
    assert.deepEqual(session.sync(), ['Parse Forward', 'Sync Forward']);
    assert.notEqual(session.rewriter.statements.unnamed.settled.source, null);
  });

  for (const name of ['', 'mine'])
    test(`of "${name}" without its end is not read`, () => {
      const session = prepared('', text());
      assert.equal(session.parse(name, text(), { missing: 4 }), false);
      assert.deepEqual(session.owner.log.slice(-2), ['unread long_statement', 'began']);
      assert.equal(session.rewriter.statements.names.size, 0);
      session.sync();
      // The statement cannot be prepared elsewhere.
      assert.equal(session.rewriter.statements.unnamed.settled.source === null, name === '');
    });

  test('without a terminated text is PostgreSQL’s to refuse', () => {
    const session = new Rewriting();
    const message = buildMessage(FrontendCode.Parse, Buffer.from('mine\0SELECT 1'));
    const chunk = Buffer.concat([message, syncMessage]);
    const { rewriter, sink } = session;
    const nameEnd = stringEnd(chunk, bodyAt(0));
    assert.equal(rewriter.parse(sink, chunk, 0, nameEnd, message.length, chunk.length), false);
    assert.deepEqual(sink.answer(), ['Parse Forward']);
    assert.equal(rewriter.statements.names.size, 0);
  });

  test('waits while an earlier cycle may change names', () => {
    const session = new Rewriting();
    session.query('PREPARE mine AS SELECT 1');
    session.sink.bytes();
    session.parse('mine', text());
    assert.equal(session.rewriter.waits, true);
    assert.deepEqual(session.sink.requests(), []);
    assert.deepEqual(session.answer(), ['CountedQuery Forward']);
  });
});

suite('a Bind', () => {
  test('gets the name of the statement on connections', () => {
    const session = prepared('mine', text());
    assert.equal(session.bind('portal', 'mine'), true);
    assert.deepEqual(renamed(session.sink.requests()), ['B portal #1']);
    assert.deepEqual(session.sync(), ['Bind Forward', 'Sync Forward']);
    assert.equal(session.owner.ran, 1);
  });

  test('is preceded by the Parse on another connection', () => {
    const sql = text();
    const session = prepared('mine', sql);
    session.rewriter.leaseEnded(session.sink);
    const other = new Rewriting();
    const named = session.rewriter.statements.names.get('mine');
    assert(named !== undefined);
    other.rewriter.statements.names.put('mine', named);
    assert.equal(other.bind('', 'mine'), true);
    assert.deepEqual(renamed(other.sink.requests()), [`P #1 ${sql}`, 'B  #1']);
    assert.deepEqual(other.sync(), ['Parse Discard', 'Bind Forward', 'Sync Forward']);
  });

  test('without a statement goes to the database, which refuses it', () => {
    const session = new Rewriting();
    assert.equal(session.bind('', 'mine'), false);
    assert.deepEqual(session.sink.requests(), ['B  mine']);
    assert.deepEqual(session.sync(), ['Bind Forward', 'Sync Forward']);
  });

  test('of the unnamed statement is forwarded unchanged', () => {
    const session = new Rewriting();
    session.parse('', text());
    session.sink.bytes();
    assert.equal(session.bind('', ''), false);
    assert.deepEqual(session.sink.requests(), ['B  ']);
    assert.deepEqual(session.sync(), ['Parse Forward', 'Bind Forward', 'Sync Forward']);
  });

  test('of no unnamed statement does not get that of another session', () => {
    const session = new Rewriting();
    const parse = buildParse('', text());
    const another = new UnnamedStatement(parse, 0, parse.length, null, readUnderAny);
    session.sink.state.unnamed.expect(another, null);
    session.sink.state.unnamed.settled(another);
    assert.equal(session.bind('', ''), false);
    assert.deepEqual(session.sink.requests(), ['C S', 'B  ']);
    assert.deepEqual(session.sync(), ['Close Discard', 'Bind Forward', 'Sync Forward']);
  });

  test('of a signal to a client gets the process ID of its server process', () => {
    const session = prepared('mine', 'SELECT pg_cancel_backend(5000000)');
    assert.equal(session.bind('', 'mine'), true);
    // With this ID in its text, it is prepared for this one time.
    assert.deepEqual(session.sink.requests(), ['P  SELECT pg_cancel_backend(0000077)', 'B  ']);
    assert.deepEqual(session.sync(), ['Parse Discard', 'Bind Forward', 'Sync Forward']);
  });
});

suite('a Describe', () => {
  test('of a portal is forwarded unchanged', () => {
    const session = new Rewriting();
    const message = buildMessage(FrontendCode.Describe, Buffer.from('Pmine\0'));
    assert.equal(session.describe(message), false);
    assert.deepEqual(session.sink.requests(), ['D Pmine']);
    assert.deepEqual(session.sync(), ['DescribePortal Forward', 'Sync Forward']);
  });

  test('gets the name of the statement on connections', () => {
    const session = prepared('mine', text());
    assert.equal(session.describe(buildDescribeStatement('mine')), true);
    assert.deepEqual(renamed(session.sink.requests()), ['D S#1']);
    assert.deepEqual(session.sync(), ['DescribeStatement Forward', 'Sync Forward']);
  });

  test('without a statement goes to the database, which refuses it', () => {
    const session = new Rewriting();
    for (const name of ['', 'mine'])
      assert.equal(session.describe(buildDescribeStatement(name)), false);
    assert.deepEqual(session.sink.requests(), ['D S', 'D Smine']);
  });

  test('of a statement whose rows have changed is refused, after it is prepared here', () => {
    const sql = text();
    const session = new Rewriting();
    session.sink.describes = [noParameters, columnOf(23)];
    session.parse('mine', sql);
    session.sync();
    const named = session.rewriter.statements.names.get('mine');
    assert(named !== undefined);
    const other = new Rewriting();
    other.rewriter.statements.names.put('mine', named);
    other.sink.describes = [noParameters, columnOf(25)];
    assert.equal(other.describe(buildDescribeStatement('mine')), false);
    assert.equal(other.rewriter.waits, true);
    assert.deepEqual(renamed(other.sink.requests()), [`P #1 ${sql}`, 'D S#1']);
    assert.deepEqual(other.sink.answer(), ['Parse Discard', 'DescribeStatement Discard']);
    other.rewriter.waits = false;
    assert.equal(other.describe(buildDescribeStatement('mine')), true);
    assert.equal(other.rewriter.substituted, true);
    assert.deepEqual(other.sync(), ['DescribeStatement Synthetic', 'Sync Forward']);
  });
});

suite('a Close', () => {
  test('of a portal is forwarded unchanged', () => {
    const session = new Rewriting();
    assert.equal(session.close(buildClosePortal('mine')), false);
    assert.deepEqual(session.sink.requests(), ['C Pmine']);
    assert.deepEqual(session.sync(), ['Close Forward', 'Sync Forward']);
  });

  test('of a statement is answered by the proxy: others may use it', () => {
    const session = prepared('mine', text());
    assert.equal(session.close(buildCloseStatement('mine')), true);
    assert.deepEqual(session.sink.requests(), []);
    assert.equal(session.rewriter.statements.names.size, 0);
    assert.deepEqual(session.sync(), ['Local Forward', 'Sync Forward']);
  });

  test('that the database skips leaves the statement', () => {
    const session = prepared('mine', text());
    session.bind('', 'nothing');
    session.close(buildCloseStatement('mine'));
    session.sink.refuse();
    assert.equal(session.rewriter.statements.names.size, 1);
  });

  test('of the unnamed statement is forwarded unchanged', () => {
    const session = new Rewriting();
    session.parse('', text());
    session.sync();
    session.sink.bytes();
    assert.equal(session.close(buildCloseStatement('')), false);
    assert.deepEqual(session.sink.requests(), ['C S']);
    assert.deepEqual(session.sync(), ['Close Forward', 'Sync Forward']);
    assert.equal(session.rewriter.statements.unnamed.settled.source, null);
  });

  test('of an unknown name goes to the database', () => {
    const session = new Rewriting();
    assert.equal(session.close(buildCloseStatement('mine')), false);
    assert.deepEqual(session.sink.requests(), ['C Smine']);
    assert.deepEqual(session.sync(), ['Close Forward', 'Sync Forward']);
  });
});
