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
});
