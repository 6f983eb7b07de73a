import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { TransactionStatus } from '@sluice/wire';
import { BackendState } from '../../src/backend/backend-state.ts';
import { Lease } from '../../src/backend/lease.ts';
import { InternalQuery } from '../../src/protocol/internal-query.ts';
import { QueryCycles } from '../../src/protocol/query-cycles.ts';
import { SessionNames } from '../../src/statements/session-names.ts';
import { UnnamedSlot } from '../../src/statements/unnamed-slot.ts';
import {
  destroyedUnnamedStatement,
  noUnnamedStatement,
  UnnamedStatement,
} from '../../src/statements/unnamed-statement.ts';
import { ParameterSets } from '../../src/parameters/parameter-sets.ts';
import { Analysis } from '../../src/statements/analysis.ts';

suite('the state of a server process', () => {
  const nobody = {
    cycleBegan: () => undefined,
  };
  const names = (): SessionNames => new SessionNames(new QueryCycles(nobody));
  const state = (): BackendState => new BackendState(new Map([['TimeZone', 'UTC']]), 10);

  test('is empty at first', () => {
    const fresh = state();
    assert.equal(fresh.status, TransactionStatus.Idle);
    assert.ok(!fresh.inTransaction);
    assert.equal(fresh.clientNamed, null);
    assert.equal(fresh.parameterSet, null);
    assert.equal(fresh.drawnBy, 0);
    assert.ok(!fresh.isUsed);
    assert.ok(!fresh.needsReset);
    assert.equal(fresh.reported.get('TimeZone'), 'UTC');
  });

  for (const [status, within] of [
    [TransactionStatus.Idle, false],
    [TransactionStatus.InTransaction, true],
    [TransactionStatus.Failed, true],
  ] as const)
    test(`status ${String.fromCharCode(status)} is ${within ? 'inside' : 'outside'} a transaction`, () => {
      const held = state();
      held.ready(status);
      assert.equal(held.status, status);
      assert.equal(held.inTransaction, within);
    });

  test('names of one session are closed when another session runs', () => {
    const held = state();
    const [one, other] = [names(), names()];
    const first = held.clientNamedOf(one);
    assert.equal(held.clientNamedOf(one), first);
    const second = held.clientNamedOf(other);
    assert.notEqual(second, first);
    assert.equal(second.byName.size, 0);
    held.clientNamedClosed();
    assert.equal(held.clientNamed, null);
  });

  test('a reset removes the state of sessions, and keeps that of the process', () => {
    const held = state();
    const sets = new ParameterSets();
    held.parametersSet(sets.acquire([['work_mem', '1MB']]));
    held.clientNamedOf(names());
    held.sequencesDrawnBy(7);
    held.needsReset = true;
    held.used();
    held.residue.begin(7, 1, () => true);
    held.residue.markUnproven();
    held.reset();
    assert.equal(held.parameterSet, null);
    assert.equal(held.clientNamed, null);
    assert.equal(held.drawnBy, 0);
    assert.ok(!held.needsReset);
    assert.ok(!held.residue.isOf(7));
    assert.ok(!held.residue.isUnproven);
    assert.ok(held.isUsed, 'that somebody has had it stays');
    assert.equal(held.reported.get('TimeZone'), 'UTC');
  });
});

suite('the slot of the unnamed statement', () => {
  const statement = (text: string): UnnamedStatement => {
    const source = Buffer.from(`\0${text}\0`);
    return new UnnamedStatement(source, 0, source.length, null, noUnnamedStatement.readUnder);
  };
  const analysis = new Analysis();

  test('is empty at first', () => {
    const slot = new UnnamedSlot();
    assert.equal(slot.expected, noUnnamedStatement);
    assert.equal(slot.analysis, null);
  });

  test('has the statement that was sent, before its reply', () => {
    const slot = new UnnamedSlot();
    const one = statement('SELECT 1');
    slot.expect(one, analysis);
    assert.equal(slot.expected, one);
    assert.equal(slot.analysis, analysis);
  });

  test('has what the replies have left, when nothing is pending', () => {
    const slot = new UnnamedSlot();
    const [one, two] = [statement('SELECT 1'), statement('SELECT 2')];
    slot.expect(one, analysis);
    slot.settled(one);
    slot.settle();
    assert.equal(slot.analysis, analysis, 'what was expected has come');
    slot.expect(two, analysis);
    slot.settle();
    assert.equal(slot.expected, one, 'the second was refused');
    assert.equal(slot.analysis, null, 'what the first came to is not known any more');
  });

  test('is empty after a Query', () => {
    const slot = new UnnamedSlot();
    slot.expect(statement('SELECT 1'), analysis);
    slot.destroyed();
    assert.equal(slot.expected, destroyedUnnamedStatement);
    slot.settle();
    assert.equal(slot.expected, destroyedUnnamedStatement);
  });

  test('is expected to be empty after a Close', () => {
    const slot = new UnnamedSlot();
    slot.expect(statement('SELECT 1'), analysis);
    slot.expectNone(noUnnamedStatement);
    assert.equal(slot.expected, noUnnamedStatement);
  });
});

suite('a lease', () => {
  test('has one owner at a time', () => {
    const lease = new Lease<string>();
    assert.equal(lease.owner, null);
    lease.begin('a');
    assert.equal(lease.owner, 'a');
    assert.equal(lease.end(), 'a');
    assert.equal(lease.owner, null);
    assert.equal(lease.end(), null);
  });

  test('admits requests at first', () => {
    const lease = new Lease<string>();
    lease.begin('a');
    lease.pauseRequests();
    assert.ok(lease.isClosedToRequests);
    lease.begin('b');
    assert.ok(!lease.isClosedToRequests);
  });

  test('admits no requests while they are paused, or a cancel request is on its way', () => {
    const lease = new Lease<string>();
    lease.begin('a');
    lease.pauseRequests();
    assert.ok(lease.isPaused);
    lease.cancelSent();
    lease.admitRequests();
    assert.ok(!lease.isPaused);
    assert.ok(lease.isBeingCanceled);
    assert.ok(lease.isClosedToRequests);
    lease.cancelSent();
    assert.ok(!lease.cancelPassed(), 'another is on its way');
    assert.ok(lease.cancelPassed());
    assert.ok(!lease.isClosedToRequests);
  });

  test('knows the statement that sets its parameters until they are set', () => {
    const lease = new Lease<string>();
    const query = new InternalQuery(() => undefined);
    lease.replaySent(query);
    assert.equal(lease.replay, query);
    lease.replayDone();
    assert.equal(lease.replay, null);
  });
});
