import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import { FrontendCode as Code, buildErrorResponse } from '@sluice/wire';
import { LostTransaction } from '../../src/recovery/lost-transaction.ts';
import { classifyBytes, loadParser } from '../../src/sql/index.ts';

const lost = buildErrorResponse({ sqlstate: '40001', message: 'lost' });

/** The codes of the messages in a reply, with the SQLSTATE of an error and the status of ReadyForQuery. */
function read(answer: Buffer): string[] {
  const messages: string[] = [];
  for (let at = 0; at < answer.length; at += 1 + answer.readUInt32BE(at + 1)) {
    const code = String.fromCharCode(answer[at] ?? 0);
    const body = answer.toString('latin1', at + 5, at + 1 + answer.readUInt32BE(at + 1));
    if (code === 'E') messages.push(/\0C(.{5})/.exec(body)?.[1] ?? 'E');
    else messages.push(code === 'Z' ? `Z${body}` : code);
  }
  return messages;
}

/** Sends this to a lost transaction: letters of messages, followed by SQL. */
function converse(
  transaction: LostTransaction,
  ...requests: (readonly [number, string?])[]
): string {
  return requests
    .flatMap(([code, sql]) => {
      const text = Buffer.from(sql ?? '');
      const effects = sql === undefined ? null : classifyBytes(text, 0, text.length);
      return read(transaction.answer({ code, effects, ofStatement: false }));
    })
    .join(' ');
}

suite('a lost transaction', () => {
  before(loadParser);

  test('reports the loss once, then refuses statements until it ends', () => {
    const transaction = new LostTransaction(lost, false, false);
    const answer = converse(
      transaction,
      [Code.Query, 'SELECT 1'],
      [Code.Query, 'SELECT 2'],
      [Code.Query, 'SELECT 3; ROLLBACK'],
      [Code.Query, 'ROLLBACK TO SAVEPOINT s'],
      [Code.Query, 'ROLLBACK AND CHAIN'],
    );
    assert.equal(answer, '40001 ZE 25P02 ZE 25P02 ZE 25P02 ZE 25P02 ZE');
    assert.equal(transaction.over, false);
    assert.equal(converse(transaction, [Code.Query, 'END']), 'C ZI');
    assert.equal(transaction.over, true);
  });

  test('COMMIT fails if the loss was not reported before', () => {
    for (const sql of ['COMMIT', "PREPARE TRANSACTION 'x'"]) {
      const transaction = new LostTransaction(lost, false, false);
      assert.equal(converse(transaction, [Code.Query, sql]), '40001 ZI');
      assert(transaction.over);
    }
  });

  test('ends at Sync in the extended protocol', () => {
    const steps = (sql: string): (readonly [number, string?])[] => [
      [Code.Parse, sql],
      [Code.Bind, sql],
      [Code.Describe],
      [Code.Execute],
      [Code.Sync],
    ];
    const transaction = new LostTransaction(lost, false, false);
    assert.equal(converse(transaction, ...steps('SELECT 1')), '40001 ZE');
    assert.equal(converse(transaction, ...steps('SELECT 1')), '25P02 ZE');
    assert.equal(converse(transaction, ...steps('ROLLBACK')), '1 2 n C ZI');
    assert(transaction.over);
    const other = new LostTransaction(lost, false, false);
    assert.equal(converse(other, ...steps('COMMIT')), '1 2 n 40001 ZI');
    assert(other.over);
  });

  test('lost in the middle of a cycle, it skips the rest', () => {
    const transaction = new LostTransaction(lost, true, true);
    assert.equal(converse(transaction, [Code.Execute], [Code.Sync]), 'ZE');
  });

  test('answers function calls like queries, and no Flush', () => {
    const transaction = new LostTransaction(lost, false, false);
    const answer = converse(transaction, [Code.Flush], [Code.FunctionCall], [Code.FunctionCall]);
    assert.equal(answer, '40001 ZE 25P02 ZE');
    assert(!transaction.over);
  });

  test('an error skips everything up to Sync, but not the next cycle', () => {
    const transaction = new LostTransaction(lost, true, false);
    const answer = converse(
      transaction,
      [Code.Parse, 'SELECT 1'],
      [Code.Parse, 'ROLLBACK'],
      [Code.Close],
      [Code.Sync],
      [Code.Close],
      [Code.Sync],
    );
    assert.equal(answer, '25P02 ZE 3 ZE');
  });

  test('a statement that does not end it cannot be described or run', () => {
    const describe = (ofStatement: boolean, sql?: string): string => {
      const transaction = new LostTransaction(lost, true, false);
      const text = Buffer.from(sql ?? '');
      const effects = sql === undefined ? null : classifyBytes(text, 0, text.length);
      return read(transaction.answer({ code: Code.Describe, effects, ofStatement })).join(' ');
    };
    assert.equal(describe(true, 'ROLLBACK'), 't n');
    assert.equal(describe(true, 'SELECT 1'), '25P02');
    assert.equal(describe(true), '25P02');
    assert.equal(describe(false), '25P02', 'no portal is bound');
    const unbound = new LostTransaction(lost, true, false);
    assert.equal(converse(unbound, [Code.Execute]), '25P02');
    const unknown = new LostTransaction(lost, true, false);
    assert.equal(converse(unknown, [Code.CopyFail]), '25P02');
  });

  test('a portal of a statement that does not end it is not bound', () => {
    const transaction = new LostTransaction(lost, true, false);
    const answer = converse(
      transaction,
      [Code.Bind, 'ROLLBACK'],
      [Code.Bind, 'SELECT 1'],
      [Code.Sync],
      [Code.Execute],
      [Code.Sync],
    );
    assert.equal(answer, '2 25P02 ZE 25P02 ZE');
    assert(!transaction.over);
  });

  test('is not over before the Sync of its end', () => {
    const transaction = new LostTransaction(lost, true, false);
    assert.equal(converse(transaction, [Code.Bind, 'ROLLBACK'], [Code.Execute]), '2 C');
    assert(!transaction.over);
    assert.equal(converse(transaction, [Code.Sync]), 'ZI');
    assert(transaction.over);
  });

  test('a COMMIT that fails skips the rest of its cycle, one that is rolled back does not', () => {
    for (const [isReported, answer] of [
      [false, '2 40001 ZI'],
      [true, '2 C 3 ZI'],
    ] as const) {
      const transaction = new LostTransaction(lost, isReported, false);
      assert.equal(
        converse(transaction, [Code.Bind, 'COMMIT'], [Code.Execute], [Code.Close], [Code.Sync]),
        answer,
      );
    }
  });

  test('other commands of transactions do not end it', () => {
    for (const sql of [
      'COMMIT AND CHAIN',
      'SAVEPOINT s',
      'RELEASE SAVEPOINT s',
      "COMMIT PREPARED 'x'",
      'BEGIN',
      'SELECT 1',
      'ROLLBACK; SELECT 1',
    ]) {
      const transaction = new LostTransaction(lost, true, false);
      assert.equal(converse(transaction, [Code.Query, sql]), '25P02 ZE', sql);
      assert(!transaction.over);
    }
  });
});
