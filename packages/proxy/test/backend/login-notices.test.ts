import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { buildNoticeResponse, readErrorMessage } from '@sluice/wire';
import { conversionSql, convertedNotices, LoginNotices } from '../../src/backend/login-notices.ts';

const notice = (severity: string, message = severity): Buffer =>
  buildNoticeResponse({ severity, sqlstate: '01000', message });

const textsOf = (messages: readonly Buffer[]): string[] =>
  messages.map((message) => readErrorMessage(message, 0, message.length).message);

suite('the notices of a login', () => {
  const levels = ['INFO', 'LOG', 'NOTICE', 'WARNING'];

  for (const [minimum, expected] of [
    [undefined, levels],
    ['debug5', levels],
    ['log', levels],
    ['notice', ['INFO', 'NOTICE', 'WARNING']],
    ['Warning', ['INFO', 'WARNING']],
    ['error', ['INFO']],
  ] as const)
    test(`client_min_messages ${minimum ?? 'of the login'}`, () => {
      const notices = new LoginNotices();
      for (const level of levels) notices.add(notice(level), false);
      for (const level of levels) notices.add(notice(level), true);
      const { beforeParameters, afterKey } = notices.forClient(minimum);
      assert.deepEqual(textsOf(beforeParameters), expected);
      assert.deepEqual(textsOf(afterKey), expected);
    });

  test('are copies, in a limited number of bytes', () => {
    const notices = new LoginNotices();
    assert(notices.isEmpty);
    const received = notice('NOTICE', 'first');
    notices.add(received, false);
    received.fill(0);
    notices.add(notice('NOTICE', 'x'.repeat(64 * 1024)), false);
    notices.add(notice('NOTICE', 'last'), true);
    assert(!notices.isEmpty);
    const { beforeParameters, afterKey } = notices.forClient(undefined);
    assert.deepEqual(textsOf(beforeParameters), ['first']);
    assert.deepEqual(textsOf(afterKey), ['last']);
  });

  test('need a conversion only beyond ASCII, and between two encodings', () => {
    const plain = [notice('NOTICE', 'plain')];
    const other = [notice('NOTICE', 'grüß')];
    assert.equal(conversionSql(plain, 'UTF8', 'LATIN1'), null);
    assert.equal(conversionSql(other, 'UTF8', 'UTF8'), null);
    assert.equal(conversionSql(other, 'UTF8', 'SQL_ASCII'), null);
    assert.equal(conversionSql(other, 'SQL_ASCII', 'UTF8'), null);
    assert.equal(conversionSql(other, undefined, 'UTF8'), null);
    assert.match(conversionSql([...plain, ...other], 'UTF8', 'LATIN1') ?? '', /E'UTF8',E'LATIN1'/);
  });

  test('survive the conversion with all their fields', () => {
    const before = notice('NOTICE', 'grüß');
    const [, base64 = ''] =
      /decode\('([^']*)'/.exec(conversionSql([before], 'UTF8', 'LATIN1') ?? '') ?? [];
    assert(!Buffer.from(base64, 'base64').includes(0));
    assert.deepEqual(convertedNotices([base64]), [before]);
  });
});
