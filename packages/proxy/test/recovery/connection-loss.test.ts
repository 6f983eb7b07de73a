import assert from 'node:assert/strict';
import {
  FrontendCode,
  TransactionStatus,
  buildErrorResponse,
  parseErrorFields,
  readyForQueryFailed,
  readyForQueryIdle,
} from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import type { ConnectionLoss } from '../../src/backend/lease-owner.ts';
import { ProxyError } from '../../src/errors.ts';
import { QueryCycle } from '../../src/protocol/query-cycle.ts';
import { judgeLoss } from '../../src/recovery/connection-loss.ts';
import type { LossOutcome } from '../../src/recovery/connection-loss.ts';
import { classify, loadParser } from '../../src/sql/index.ts';
import { test } from 'node:test';

await loadParser();

const lost = new ProxyError('SERVER_CONNECTION_LOST', { reason: 'the database closed it' });

/** A connection that is lost without an error, between requests. */
const quiet: ConnectionLoss = {
  error: lost,
  silent: true,
  isEnding: false,
  reason: 'the database closed it',
  cycles: 0,
  openCycle: false,
  inTransaction: false,
  failed: false,
  midReply: false,
  errorSent: false,
};

function judge(
  loss: Partial<ConnectionLoss>,
  {
    texts = [],
    relayed = false,
    hasLostState = false,
    canSendAgain = true,
  }: {
    readonly texts?: readonly string[];
    readonly relayed?: boolean;
    readonly hasLostState?: boolean;
    readonly canSendAgain?: boolean;
  } = {},
): LossOutcome {
  const cycle = new QueryCycle();
  for (const text of texts) cycle.add(classify(text));
  cycle.relayed = relayed;
  return judgeLoss({ ...quiet, ...loss }, { hasLostState, canSendAgain, cycle });
}

/** The messages to the client: SQLSTATEs, and the status of each ReadyForQuery. */
function replies(outcome: LossOutcome): string[] {
  assert.equal(outcome.kind, 'answered');
  if (outcome.kind !== 'answered') return [];
  return messages(outcome.answer);
}

function messages(bytes: Buffer): string[] {
  const all: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const next = at + 1 + bytes.readUInt32BE(at + 1);
    if (bytes[at] === 0x45) all.push(parseErrorFields(bytes, at + 5, next).sqlstate);
    else all.push(String.fromCharCode(bytes[at] ?? 0, bytes[at + 5] ?? 0));
    at = next;
  }
  return all;
}

function lastMessage(outcome: LossOutcome): ErrorFields | null {
  assert.equal(outcome.kind, 'end');
  if (outcome.kind !== 'end' || outcome.lastMessage === null) return null;
  return parseErrorFields(outcome.lastMessage, 5, outcome.lastMessage.length);
}

const unknown = lost.fields.sqlstate;
const { sqlstate: rolledBack } = new ProxyError('TRANSACTION_LOST', { reason: '' }).fields;

test('between requests the client gets no message', () => {
  const outcome = judge({});
  assert.deepEqual(replies(outcome), []);
  assert(outcome.kind === 'answered' && outcome.lost === null && !outcome.discards);
});

test('a partial message ends the session without an error', () => {
  assert.equal(lastMessage(judge({ midReply: true, cycles: 1 }, { texts: ['SELECT 1'] })), null);
  assert.equal(lastMessage(judge({ midReply: true }, { hasLostState: true })), null);
});

test('lost state ends the session, with the error as the last message', () => {
  const last = lastMessage(judge({}, { hasLostState: true }));
  assert.equal(last?.sqlstate, unknown);
  assert.equal(last?.severity, 'FATAL');
});

test('a session that another one terminates gets that error', () => {
  assert.equal(lastMessage(judge({ isEnding: true }, { hasLostState: true }))?.sqlstate, '57P01');
});

test('a client that has received an error gets no other at the end', () => {
  assert.equal(lastMessage(judge({ errorSent: true }, { hasLostState: true })), null);
});

test('a read of which nothing was forwarded is retried', () => {
  assert.equal(judge({ cycles: 1 }, { texts: ['SELECT 1'] }).kind, 'send again');
});

test('so is BEGIN', () => {
  assert.equal(judge({ cycles: 1 }, { texts: ['BEGIN'] }).kind, 'send again');
});

for (const [name, loss, session] of [
  ['of which something was forwarded', { cycles: 1 }, { relayed: true }],
  ['whose bytes are gone', { cycles: 1 }, { canSendAgain: false }],
  ['in a transaction', { cycles: 1, inTransaction: true }, {}],
  ['that is not the only cycle', { cycles: 2 }, {}],
  ['with another cycle begun behind it', { cycles: 1, openCycle: true }, {}],
  ['after which no reply is pending', { cycles: 0 }, {}],
  [
    'on a connection that was out of sync',
    { cycles: 1, error: new ProxyError('OUT_OF_SYNC', { what: 'x' }) },
    {},
  ],
] as const)
  test(`a read ${name} is not retried`, () => {
    assert.equal(judge(loss, { texts: ['SELECT 1'], ...session }).kind, 'answered');
  });

for (const text of ['INSERT INTO a VALUES (1)', 'COMMIT', 'SELECT own()', 'SELECT 1; SELECT 2'])
  test(`${text} is not retried`, () => {
    assert.equal(judge({ cycles: 1 }, { texts: [text] }).kind, 'answered');
  });

test('a write outside a transaction: the outcome is unknown', () => {
  assert.deepEqual(replies(judge({ cycles: 1 }, { texts: ['INSERT INTO a VALUES (1)'] })), [
    unknown,
    'ZI',
  ]);
});

test('a write in a transaction: it is rolled back, and the transaction fails', () => {
  const outcome = judge(
    { cycles: 1, inTransaction: true },
    { texts: ['INSERT INTO a VALUES (1)'] },
  );
  assert.deepEqual(replies(outcome), [rolledBack, 'ZE']);
  assert(outcome.kind === 'answered' && outcome.lost !== null);
});

test('a transaction that may have committed: the outcome is unknown', () => {
  const outcome = judge({ cycles: 1, inTransaction: true }, { texts: ['COMMIT'] });
  assert.deepEqual(replies(outcome), [unknown, 'ZI']);
  assert(outcome.kind === 'answered' && outcome.lost === null);
});

test('ROLLBACK: the transaction is over, and rolled back', () => {
  const outcome = judge({ cycles: 1, inTransaction: true }, { texts: ['ROLLBACK'] });
  assert.deepEqual(replies(outcome), [rolledBack, 'ZI']);
});

test('COMMIT AND CHAIN: the client is in the next transaction', () => {
  const outcome = judge({ cycles: 1, inTransaction: true }, { texts: ['COMMIT AND CHAIN'] });
  assert.deepEqual(replies(outcome), [unknown, 'ZE']);
});

test('a transaction that was begun in the cycle is open, and rolled back', () => {
  const outcome = judge({ cycles: 1 }, { texts: ['BEGIN', 'INSERT INTO a VALUES (1)'] });
  assert.deepEqual(replies(outcome), [rolledBack, 'ZE']);
});

test('a procedure in a transaction may have committed', () => {
  const outcome = judge({ cycles: 1, inTransaction: true }, { texts: ['CALL p()'] });
  assert.deepEqual(replies(outcome), [unknown, 'ZE']);
});

test('an idle transaction: the client gets the error with its next request', () => {
  const outcome = judge({ inTransaction: true });
  assert.deepEqual(replies(outcome), []);
  assert(outcome.kind === 'answered' && outcome.lost !== null);
  const { lost: stand } = outcome;
  const request = { code: FrontendCode.Query, effects: classify('SELECT 1'), ofStatement: false };
  assert.deepEqual(messages(stand.answer(request)), [rolledBack, 'ZE']);
  assert.deepEqual(messages(stand.answer(request)), ['25P02', 'ZE']);
});

test('a transaction whose loss was reported is not reported again', () => {
  const outcome = judge({ inTransaction: true, cycles: 1 }, { texts: ['SELECT 1'] });
  assert(outcome.kind === 'answered' && outcome.lost !== null);
  const request = { code: FrontendCode.Query, effects: classify('SELECT 1'), ofStatement: false };
  assert.deepEqual(messages(outcome.lost.answer(request)), ['25P02', 'ZE']);
});

test('a transaction that had failed before has an error that the client knows', () => {
  const outcome = judge({ inTransaction: true, failed: true, cycles: 1 }, { texts: ['SELECT 1'] });
  assert.deepEqual(replies(outcome), ['25P02', 'ZE']);
});

test('each unfinished cycle gets an error and ReadyForQuery', () => {
  const outcome = judge({ cycles: 3 }, { texts: ['INSERT INTO a VALUES (1)', 'SELECT 1'] });
  assert.deepEqual(replies(outcome), [unknown, 'ZI', unknown, 'ZI', unknown, 'ZI']);
});

test('in a transaction only the first cycle gets the details', () => {
  const outcome = judge({ cycles: 2, inTransaction: true }, { texts: ['SELECT 1', 'SELECT 1'] });
  assert.deepEqual(replies(outcome), [rolledBack, 'ZE', '25P02', 'ZE']);
});

test('a cycle whose error the client has received gets only its end', () => {
  const outcome = judge({ cycles: 2, errorSent: true }, { texts: ['INSERT INTO a VALUES (1)'] });
  assert.deepEqual(replies(outcome), ['ZI', unknown, 'ZI']);
});

test('an open cycle gets the error, and the rest of it is dropped', () => {
  const outcome = judge({ openCycle: true }, { texts: ['INSERT INTO a VALUES (1)'] });
  assert.deepEqual(replies(outcome), [unknown]);
  assert(outcome.kind === 'answered' && outcome.discards && outcome.lost === null);
});

test('an open cycle in a transaction is skipped up to its Sync', () => {
  const outcome = judge({ openCycle: true, inTransaction: true }, { texts: ['SELECT 1'] });
  assert.deepEqual(replies(outcome), [rolledBack]);
  assert(outcome.kind === 'answered' && !outcome.discards && outcome.lost !== null);
  const { lost: stand } = outcome;
  const request = { effects: null, ofStatement: false };
  assert.equal(stand.answer({ ...request, code: FrontendCode.Execute }).length, 0);
  assert.deepEqual(stand.answer({ ...request, code: FrontendCode.Sync }), readyForQueryFailed);
});

test('an open cycle after its own error gets no other', () => {
  const outcome = judge({ openCycle: true, errorSent: true }, { texts: ['SELECT 1'] });
  assert.deepEqual(replies(outcome), []);
  assert(outcome.kind === 'answered' && outcome.discards);
});

test('the error for an unknown outcome is that of the connection', () => {
  const error = new ProxyError('OUT_OF_SYNC', { what: 'x' });
  const outcome = judge({ cycles: 1, inTransaction: true, error }, { texts: ['SELECT 1'] });
  assert(outcome.kind === 'answered');
  const expected = buildErrorResponse({ ...error.fields, severity: 'ERROR' });
  assert.deepEqual(outcome.answer, Buffer.concat([expected, readyForQueryFailed]));
  assert.equal(readyForQueryIdle[5], TransactionStatus.Idle);
});
