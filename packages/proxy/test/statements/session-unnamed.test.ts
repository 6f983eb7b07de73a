import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { TransactionStatus, buildParse, messageEnd } from '@sluice/wire';
import type { ServerConnection } from '../../src/backend/server-connection.ts';
import { toServer } from '../../src/io/write-buffer.ts';
import { readUnderAny } from '../../src/parameters/read-under.ts';
import { Action, Reply } from '../../src/protocol/pending-replies.ts';
import { QueryCycles } from '../../src/protocol/query-cycles.ts';
import { SessionUnnamed } from '../../src/statements/session-unnamed.ts';
import { UnnamedStatement, noUnnamedStatement } from '../../src/statements/unnamed-statement.ts';
import { ScriptedServer, connectTo } from '../scripted-server.ts';

/** The unnamed statement of a session with a connection. */
function unnamedOn(connection = connectTo(new ScriptedServer())): {
  readonly unnamed: SessionUnnamed;
  readonly cycles: QueryCycles;
  readonly connection: ServerConnection;
} {
  const cycles = new QueryCycles({
    cycleBegan: () => undefined,
  });
  return { unnamed: new SessionUnnamed(cycles), cycles, connection };
}

/** A statement whose Parse is in the middle of a chunk. */
function statement(sql = 'SELECT 1'): UnnamedStatement {
  const parse = buildParse('', sql);
  const chunk = Buffer.concat([Buffer.alloc(1000), parse, Buffer.alloc(1000)]);
  return new UnnamedStatement(chunk, 1000, messageEnd(chunk, 1000), null, readUnderAny);
}

/** The requests that were collected, in bytes. */
function collected(): number {
  const { bytes } = toServer;
  toServer.clear();
  return bytes;
}

suite('the unnamed statement of a session', () => {
  test('does not exist at first', () => {
    const { unnamed } = unnamedOn();
    assert(unnamed.isAbsent);
    assert.equal(unnamed.use.statement, noUnnamedStatement);
    assert.equal(unnamed.settled, noUnnamedStatement);
    assert(!unnamed.describesAtSync);
  });

  test('is the one of a Parse as soon as that is sent, and settled when it is answered', () => {
    const { unnamed, connection } = unnamedOn();
    const one = statement();
    const change = unnamed.parsed(connection, one);
    assert.equal(unnamed.use.statement, one);
    assert.equal(connection.state.unnamed.expected, one);
    assert.equal(unnamed.settled, noUnnamedStatement);
    assert(!unnamed.isAbsent);
    change.completed();
    assert.equal(unnamed.settled, one);
  });

  test('does not exist after a Parse that was refused, once the lease has ended', () => {
    const { unnamed, connection } = unnamedOn();
    unnamed.parsed(connection, statement()).failed();
    unnamed.leaseEnded(connection);
    assert.equal(unnamed.use.statement, noUnnamedStatement);
    assert.equal(connection.state.unnamed.expected, noUnnamedStatement);
  });

  test('is copied out of its chunk when the lease ends', () => {
    const { unnamed, connection } = unnamedOn();
    const one = statement();
    const { source } = one;
    unnamed.parsed(connection, one).completed();
    assert.equal(one.source, source);
    unnamed.leaseEnded(connection);
    assert.deepEqual(one.source, buildParse('', 'SELECT 1'));
  });

  test('is copied out of its chunk when no connection has it', () => {
    const { unnamed } = unnamedOn();
    const one = statement();
    unnamed.put(one);
    assert.deepEqual(one.source, buildParse('', 'SELECT 1'));
    assert.equal(unnamed.settled, one);
    assert.equal(unnamed.use.statement, one);
    unnamed.clear();
    assert(unnamed.isAbsent);
  });

  test('is not absent while one is settled or sent', () => {
    const { unnamed, connection } = unnamedOn();
    unnamed.parsed(connection, statement()).completed();
    unnamed.change(connection, noUnnamedStatement);
    assert(!unnamed.isAbsent, 'the Close may be skipped');
    assert.equal(unnamed.use.statement, noUnnamedStatement);
    assert(!unnamed.describesAtSync);
    unnamed.clear();
    assert(unnamed.isAbsent);
    assert.equal(unnamed.settled, noUnnamedStatement);
  });

  test('is uncertain while another cycle may change it', () => {
    const { unnamed, cycles, connection } = unnamedOn();
    assert(!unnamed.isUncertain(connection));
    const change = unnamed.parsed(connection, statement());
    assert(!unnamed.isUncertain(connection), 'the same cycle has changed it');
    cycles.end();
    assert(unnamed.isUncertain(connection));
    change.failed();
    cycles.answered(0);
    assert(!unnamed.isUncertain(connection));
    assert.equal(unnamed.use.statement, noUnnamedStatement, 'it is settled');
  });
});

suite('the description of an unnamed statement', () => {
  test('is requested before Sync, if the client did not, and the statement is on the connection', () => {
    const { unnamed, connection } = unnamedOn();
    unnamed.parsed(connection, statement());
    assert(unnamed.describesAtSync);
    unnamed.describeAtSync(connection);
    assert(collected() > 0);
    assert.equal(connection.pending.headReply, Reply.DescribeStatement);
    assert.equal(connection.pending.headAction, Action.Discard);
    assert(!unnamed.describesAtSync);
  });

  test('is not requested of another statement', () => {
    const { unnamed, connection } = unnamedOn();
    unnamed.parsed(connection, statement());
    connection.state.unnamed.expect(noUnnamedStatement, null);
    unnamed.describeAtSync(connection);
    assert.equal(collected(), 0);
    assert.equal(connection.pending.length, 0);
  });

  test('is not requested of a statement that was too long to keep', () => {
    const { unnamed, connection } = unnamedOn();
    unnamed.parsed(connection, new UnnamedStatement(null, 0, 0, null, readUnderAny));
    unnamed.describeAtSync(connection);
    assert.equal(collected(), 0);
  });

  test('is not requested if the client describes it, changes it, or binds it in the same cycle', () => {
    for (const request of ['describes', 'changes', 'binds']) {
      const { unnamed, connection } = unnamedOn();
      unnamed.parsed(connection, statement());
      connection.cycleOpen = true;
      if (request === 'describes') unnamed.described();
      else if (request === 'changes') unnamed.change(connection, noUnnamedStatement);
      else unnamed.bound(connection);
      assert(!unnamed.describesAtSync, request);
    }
  });

  test('is requested even then, if the client has bound one in a later cycle', () => {
    const { unnamed, connection } = unnamedOn();
    unnamed.bound(connection);
    unnamed.parsed(connection, statement());
    connection.cycleOpen = true;
    unnamed.bound(connection);
    assert(unnamed.describesAtSync);
  });

  test('is requested if the client binds it outside its cycle', () => {
    const { unnamed, connection } = unnamedOn();
    unnamed.parsed(connection, statement());
    unnamed.bound(connection);
    assert(unnamed.describesAtSync);
  });
});

suite('the unnamed statement of another session', () => {
  test('is closed once, and then settles to none', () => {
    const { unnamed, cycles, connection } = unnamedOn();
    const slot = connection.state.unnamed;
    slot.expect(statement(), null);
    slot.settled(slot.expected);
    unnamed.ensureNone(connection);
    assert(collected() > 0);
    assert.equal(slot.expected, noUnnamedStatement);
    unnamed.ensureNone(connection);
    assert.equal(collected(), 0);
    cycles.end();
    assert(unnamed.isUncertain(connection), 'the Close may be skipped');
    assert.equal(connection.pending.headReply, Reply.Close);
    assert.equal(connection.pending.headAction, Action.Discard);
    assert.equal(connection.state.status, TransactionStatus.Idle);
  });
});
