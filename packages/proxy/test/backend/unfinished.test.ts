import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BackendCode, buildMessage } from '@sluice/wire';
import { isUnfinished } from '../../src/backend/unfinished.ts';

function messages(...codes: readonly number[]): Buffer {
  return Buffer.concat(codes.map((code) => buildMessage(code, Buffer.from('x'))));
}

suite('a refused cycle', () => {
  test('is unfinished if only preparations were answered', () => {
    const { ParseComplete, BindComplete, RowDescription, NoData, NoticeResponse } = BackendCode;
    for (const codes of [
      [],
      [ParseComplete, BindComplete, NoData],
      [NoticeResponse, ParseComplete, BindComplete, RowDescription],
    ]) {
      const chunk = messages(...codes);
      assert(isUnfinished(chunk, 0, chunk.length));
    }
  });

  test('is not if it may have been committed before the database was shut down', () => {
    const chunk = messages(BackendCode.BindComplete, BackendCode.CommandComplete);
    assert(!isUnfinished(chunk, 0, chunk.length));
  });

  test('is not if a row has arrived', () => {
    const chunk = messages(BackendCode.RowDescription, BackendCode.DataRow);
    assert(!isUnfinished(chunk, 0, chunk.length));
  });
});
