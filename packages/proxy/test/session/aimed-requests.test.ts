import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  FrontendCode,
  buildBind,
  buildDescribeStatement,
  buildExecute,
  buildMessage,
  buildParse,
  buildQuery,
  syncMessage,
} from '@sluice/wire';
import { loadParser } from '../../src/sql/index.ts';
import { messagesIn } from '../scripted-server.ts';
import { moved, parts, renamed } from './scripted-owner.ts';

await loadParser();

/** A Bind of the unnamed portal with values as texts; null: NULL. */
function bindOf(statement: string, ...values: readonly (string | null)[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeUInt16BE(values.length);
  const parts = values.map((value) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(value === null ? -1 : value.length);
    return Buffer.concat([length, Buffer.from(value ?? '')]);
  });
  return buildMessage(
    FrontendCode.Bind,
    Buffer.from(`\0${statement}\0\0\0`),
    count,
    ...parts,
    Buffer.alloc(2),
  );
}

suite('a signal to a client is redirected to its server process', () => {
  test('with the ID in a Query', () => {
    const { owner, server } = parts();
    owner.send(buildQuery('SELECT pg_terminate_backend(5000000), pg_cancel_backend(5000001)'));
    assert.deepEqual(server.read(), [
      'Q SELECT pg_terminate_backend(0000077), pg_cancel_backend(0000077)',
    ]);
    assert.deepEqual(
      owner.log.filter((line) => line.startsWith('aims')),
      ['aims at 5000000 to end it', 'aims at 5000001'],
    );
  });

  test('with the ID in a prepared statement: it is prepared again for this one run', () => {
    for (const name of ['', 's']) {
      const { owner, server } = parts();
      const text = `SELECT pg_terminate_backend(5000000), ${name.length}`;
      owner.send(buildParse(name, text), buildDescribeStatement(name), syncMessage);
      server.answer();
      server.read();
      owner.replies();
      owner.send(buildBind('', name), buildExecute(''), syncMessage);
      assert.deepEqual(server.read(), [
        `P  SELECT pg_terminate_backend(0000077), ${name.length}`,
        'B  ',
        'E',
        'S',
      ]);
      server.answer();
      assert.deepEqual(owner.replies(), ['2', 'C SELECT', 'ZI']);
      assert.equal(owner.ran, 1);
      // The temporary text is not the one that the client knows.
      owner.send(buildDescribeStatement(name), syncMessage);
      if (name === '') assert.deepEqual(server.read(), [`P  ${text}`, 'D S', 'S']);
    }
  });

  test('with the ID in a value', () => {
    const { owner, server } = parts();
    owner.send(buildParse('', 'SELECT pg_terminate_backend($1)'));
    const bind = Buffer.concat([
      Buffer.from('B\0\0\0\0\0\0\0\0\0\x01\0\0\0\x075000000\0\0', 'latin1'),
    ]);
    bind.writeInt32BE(bind.length - 1, 1);
    owner.send(bind, buildExecute(''), syncMessage);
    const bytes = server.socket.written().toString('latin1');
    assert.ok(!bytes.includes('5000000'));
    assert.match(bytes, /0000077/);
  });

  test('once the server process is known', () => {
    const requests: readonly (readonly [Buffer, string])[] = [
      [buildQuery('SELECT pg_cancel_backend(5000000)'), 'Q SELECT pg_cancel_backend(0000077)'],
      [
        Buffer.concat([
          buildParse('', 'SELECT pg_cancel_backend(5000000)'),
          buildBind('', ''),
          syncMessage,
        ]),
        'B  ',
      ],
    ];
    for (const [bytes, sent] of requests) {
      const { owner, server, connection } = parts();
      owner.isAimed = false;
      owner.send(bytes);
      assert.ok(!server.read().includes(sent));
      owner.isAimed = true;
      connection.lease.admitRequests();
      owner.forwarder.resume();
      assert.ok(server.read().includes(sent));
    }
  });

  test('unless the ID is no client’s', () => {
    const { owner, server } = parts();
    owner.processFor = () => null;
    owner.send(
      buildQuery('SELECT pg_cancel_backend(123)'),
      buildParse('', 'SELECT pg_cancel_backend(123)'),
      buildBind('', ''),
      syncMessage,
    );
    assert.deepEqual(server.read(), [
      'Q SELECT pg_cancel_backend(123)',
      'P  SELECT pg_cancel_backend(123)',
      'B  ',
      'S',
    ]);
  });
});

suite('a value that names a process', () => {
  for (const name of ['', 'mine'])
    test(`is replaced in the Bind of a statement ${name === '' ? 'without' : 'with'} a name`, () => {
      const { owner, server } = parts();
      owner.send(buildParse(name, 'SELECT pg_cancel_backend($1), $2'), syncMessage);
      server.answer();
      server.read();
      owner.send(syncMessage, bindOf(name, '5000000', 'x'), buildExecute(''), syncMessage);
      const bytes = server.socket.written();
      const all = messagesIn(bytes);
      assert.deepEqual(
        all.map(({ code }) => code),
        ['S', 'B', 'E', 'S'],
      );
      const [, bind] = all;
      const body = bind?.body.toString('latin1') ?? '';
      assert(body.endsWith('\0\0\x02\0\0\0\x070000077\0\0\0\x01x\0\0'), body);
      assert.equal(owner.ran, 1);
      assert.deepEqual(
        owner.log.filter((line) => line.startsWith('aims')),
        ['aims at 5000000'],
      );
    });

  test('is replaced each time', () => {
    const { owner, server } = parts();
    owner.send(buildParse('mine', 'SELECT pg_cancel_backend($1)'), syncMessage);
    server.answer();
    for (let round = 0; round < 2; round++) {
      owner.send(bindOf('mine', '5000000'), buildExecute(''), syncMessage);
      assert(server.socket.written().includes('0000077'));
    }
  });

  test('is forwarded unchanged if it is NULL, or not the process of a client', () => {
    for (const value of [null, '123']) {
      const { owner, server } = parts();
      owner.processFor = () => null;
      owner.send(buildParse('', 'SELECT pg_cancel_backend($1)'));
      server.socket.written();
      const bind = bindOf('', value);
      owner.send(bind, syncMessage);
      assert(server.socket.written().includes(bind));
      assert.equal(
        owner.log.filter((line) => line.startsWith('aims')).length,
        value === null ? 0 : 1,
      );
    }
  });

  test('is replaced if its statement is prepared for the Bind', () => {
    const all = parts();
    all.owner.send(buildParse('mine', 'SELECT pg_cancel_backend($1)'), syncMessage);
    all.server.answer();
    all.server.read();
    const server = moved(all);
    all.owner.send(bindOf('mine', '5000000'), buildExecute(''), syncMessage);
    const bytes = server.socket.written();
    assert(bytes.includes('0000077'));
    assert(!bytes.includes('5000000'));
    assert.equal(messagesIn(bytes).filter(({ code }) => code === 'B').length, 1);
  });

  test('waits for the Parse of an earlier cycle', () => {
    for (const name of ['', 'mine']) {
      const { owner, server } = parts();
      owner.send(buildParse(name, 'SELECT pg_cancel_backend($1)'), syncMessage);
      owner.send(bindOf(name, '5000000'), syncMessage);
      assert.equal(server.read().at(-1), 'S');
      assert(owner.forwarder.awaitsAnswers);
      assert(!owner.log.some((line) => line.startsWith('aims')));
      server.answer();
      assert(server.socket.written().includes('0000077'));
    }
  });

  test('is replaced after the request has waited for another reason', () => {
    const { owner, server, connection } = parts();
    owner.send(buildParse('', 'SELECT pg_cancel_backend($1)'), syncMessage);
    server.answer();
    server.read();
    owner.makesWayNow = false;
    owner.send(bindOf('', '5000000'), syncMessage);
    assert.deepEqual(server.read(), []);
    assert.equal(owner.ran, 0);
    owner.makesWayNow = true;
    connection.lease.admitRequests();
    owner.forwarder.resume();
    assert(server.socket.written().includes('0000077'));
  });
});

suite('a statement that names processes in its text', () => {
  test('ends its own process by the process ID that the client knows', () => {
    const { owner, server } = parts();
    owner.send(buildQuery('SELECT pg_terminate_backend(pg_backend_pid())'));
    assert.deepEqual(
      owner.log.filter((line) => line.startsWith('aims')),
      ['aims at 5000000 to end it'],
    );
    assert.deepEqual(server.read(), ['Q SELECT pg_terminate_backend(pg_backend_pid())']);
  });

  test('in a Query, a parameter names no process', () => {
    const { owner } = parts();
    owner.send(buildQuery('SELECT pg_cancel_backend($1)'));
    assert(!owner.log.some((line) => line.startsWith('aims')));
  });

  test('a statement that only reads its process ID is not changed', () => {
    for (const name of ['', 'mine']) {
      const { owner, server } = parts();
      owner.send(buildParse(name, 'SELECT pg_backend_pid()'), buildDescribeStatement(name));
      owner.send(syncMessage);
      server.answer();
      server.read();
      owner.send(buildBind('', name), buildExecute(''), syncMessage);
      assert.deepEqual(renamed(server.read()), [`B  ${name && '#1'}`, 'E', 'S']);
    }
  });

  test('the temporary text is not described', () => {
    const { owner, server } = parts();
    const sql = 'SELECT pg_cancel_backend(5000000), 1';
    owner.send(buildParse('', sql), buildBind('', ''), syncMessage);
    assert.deepEqual(server.read(), [
      `P  ${sql}`,
      'P  SELECT pg_cancel_backend(0000077), 1',
      'B  ',
      'S',
    ]);
  });

  test('after the temporary text, the statement is prepared again', () => {
    const { owner, server } = parts();
    owner.send(buildParse('', 'SELECT pg_cancel_backend(5000000), 2'), buildDescribeStatement(''));
    owner.send(syncMessage);
    server.answer();
    owner.send(buildBind('portal', ''), buildExecute('portal'), syncMessage);
    server.answer();
    server.read();
    owner.processFor = () => null;
    owner.send(buildBind('', ''), buildExecute(''), syncMessage);
    assert.deepEqual(server.read(), ['P  SELECT pg_cancel_backend(5000000), 2', 'B  ', 'E', 'S']);
  });

  test('keeps the portal and the values of the Bind', () => {
    const { owner, server } = parts();
    owner.send(buildParse('mine', 'SELECT pg_cancel_backend(5000000), $1'), syncMessage);
    server.answer();
    server.read();
    const bind = bindOf('mine', 'value');
    owner.send(bind, buildExecute(''), syncMessage);
    const sent = messagesIn(server.socket.written()).find(({ code }) => code === 'B');
    assert.equal(
      sent?.body.toString('latin1'),
      bind.subarray(5).toString('latin1').replace('mine', ''),
    );
  });

  test('is forwarded unchanged if it is a SQL-level statement', () => {
    const { owner, server } = parts();
    owner.send(buildQuery('PREPARE mine AS SELECT pg_cancel_backend(5000000)'));
    server.answer();
    server.read();
    owner.send(buildBind('', 'mine'), syncMessage);
    assert.deepEqual(server.read(), ['B  mine', 'S']);
  });
});

test('a text with a reset is changed for both reasons', () => {
  const { owner, server } = parts();
  owner.startValues = new Map([['work_mem', '4MB']]);
  owner.send(buildQuery('RESET work_mem; SELECT pg_cancel_backend(5000000)'));
  assert.deepEqual(server.read(), [
    `Q RESET work_mem\n;SET "work_mem" TO E'4MB'; SELECT pg_cancel_backend(0000077)`,
  ]);
});
