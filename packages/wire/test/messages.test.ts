import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import * as wire from '../src/index.ts';

/** Each message according to "Message Formats" in the manual. */
const golden: Readonly<Record<string, readonly [built: Buffer, bytes: string]>> = {
  AuthenticationOk: [wire.authenticationOk, 'R\0\0\0\x08\0\0\0\0'],
  AuthenticationMD5Password: [
    wire.buildAuthenticationMd5(Buffer.from('salt')),
    'R\0\0\0\x0c\0\0\0\x05salt',
  ],
  AuthenticationSASL: [wire.buildAuthenticationSasl(['A', 'BC']), 'R\0\0\0\x0e\0\0\0\nA\0BC\0\0'],
  AuthenticationSASLContinue: [wire.buildSaslContinue('r=x'), 'R\0\0\0\x0b\0\0\0\x0br=x'],
  AuthenticationSASLFinal: [wire.buildSaslFinal('v=x'), 'R\0\0\0\x0b\0\0\0\x0cv=x'],
  BackendKeyData: [
    wire.buildBackendKeyData(258, Buffer.from('secret')),
    'K\0\0\0\x0e\0\0\x01\x02secret',
  ],
  CancelRequest: [
    wire.buildCancelRequest(258, Buffer.from('secret')),
    '\0\0\0\x12\x04\xd2\x16\x2e\0\0\x01\x02secret',
  ],
  Close: [wire.buildCloseStatement('s'), 'C\0\0\0\x07Ss\0'],
  CloseComplete: [wire.closeComplete, '3\0\0\0\x04'],
  Describe: [wire.buildDescribeStatement('s'), 'D\0\0\0\x07Ss\0'],
  ErrorResponse: [
    wire.buildErrorResponse({ severity: 'FATAL', sqlstate: '28000', message: 'no', hint: 'go' }),
    'E\0\0\0\x22SFATAL\0VFATAL\0C28000\0Mno\0Hgo\0\0',
  ],
  NegotiateProtocolVersion: [
    wire.buildNegotiateProtocolVersion(0x30002, ['_pq_.x']),
    'v\0\0\0\x13\0\x03\0\x02\0\0\0\x01_pq_.x\0',
  ],
  ParameterStatus: [wire.buildParameterStatus('a', 'é'), 'S\0\0\0\x08a\0\xe9\0'],
  ParseComplete: [wire.parseComplete, '1\0\0\0\x04'],
  PasswordMessage: [wire.buildPassword('x'), 'p\0\0\0\x06x\0'],
  Query: [wire.buildQuery('SELECT'), 'Q\0\0\0\x0bSELECT\0'],
  ReadyForQuery: [wire.readyForQueryIdle, 'Z\0\0\0\x05I'],
  SASLInitialResponse: [wire.buildSaslInitial('M', 'n,,'), 'p\0\0\0\x0dM\0\0\0\0\x03n,,'],
  SASLResponse: [wire.buildSaslResponse('c=x'), 'p\0\0\0\x07c=x'],
  SSLRequest: [wire.sslRequest, '\0\0\0\x08\x04\xd2\x16\x2f'],
  StartupMessage: [
    wire.buildStartup(0x30000, [['user', 'ann']]),
    '\0\0\0\x12\0\x03\0\0user\0ann\0\0',
  ],
  Sync: [wire.syncMessage, 'S\0\0\0\x04'],
  Terminate: [wire.terminateMessage, 'X\0\0\0\x04'],
};

suite('messages', () => {
  for (const [name, [built, bytes]] of Object.entries(golden)) {
    test(name, () => assert.equal(built.toString('latin1'), bytes));
  }
});

suite('error fields', () => {
  const value = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', ''));
  const fields = fc.record(
    {
      severity: fc.constantFrom('ERROR', 'FATAL', 'WARNING'),
      sqlstate: fc.stringMatching(/^[0-9A-Z]{5}$/),
      message: value,
      detail: value,
      hint: value,
      position: fc.nat().map(String),
    },
    { requiredKeys: ['severity', 'sqlstate', 'message'], noNullPrototype: true },
  );

  test('parseErrorFields reads what buildErrorResponse writes, at any offset', () => {
    const property = fc.property(fields, fc.nat(9), (given, offset) => {
      const message = wire.buildErrorResponse(given);
      const around = Buffer.concat([Buffer.alloc(offset, 'x'), message, Buffer.from('more')]);
      const start = offset + 5;
      assert.deepEqual(wire.parseErrorFields(around, start, offset + message.length), given);
    });
    fc.assert(property);
  });

  test('a translated severity does not hide the real one; unknown fields are skipped', () => {
    const body = Buffer.from('SFEHLER\0VERROR\0C42P01\0Mtext\0Fparse.c\0?x\0\0');
    assert.deepEqual(wire.parseErrorFields(body), {
      severity: 'ERROR',
      sqlstate: '42P01',
      message: 'text',
    });
  });

  test('fields end with their message, whatever lies before and behind', () => {
    const body = Buffer.from('SERROR\0Mno end');
    const around = Buffer.concat([Buffer.from('C99999\0'), body]);
    const read = { severity: 'ERROR', sqlstate: 'XX000', message: '' };
    assert.deepEqual(wire.parseErrorFields(around, 7), read);
    assert.deepEqual(
      wire.parseErrorFields(Buffer.concat([body, Buffer.from(' here\0')]), 0, 13),
      read,
    );
  });

  test('no more fields are read than an error has, and not all of a very long one', () => {
    const many = Buffer.from(`${'?x\0'.repeat(1000)}C42601\0\0`);
    assert.equal(wire.parseErrorFields(many).sqlstate, 'XX000');
    const long = Buffer.from(`Mtext ${'x'.repeat(1_000_000)}\0C42601\0\0`);
    const { message, sqlstate } = wire.parseErrorFields(long);
    assert.equal(message.length, 65_536);
    assert.equal(sqlstate, '42601');
  });

  test('any bytes are read without an exception', () => {
    const property = fc.property(fc.uint8Array(), (bytes) => {
      const { sqlstate } = wire.parseErrorFields(Buffer.from(bytes));
      assert.equal(typeof sqlstate, 'string');
    });
    fc.assert(property);
  });
});

suite('MD5', () => {
  test("a verifier is PostgreSQL's, and its response depends on the salt", () => {
    // SELECT rolpassword FROM pg_authid, after SET password_encryption = 'md5'; CREATE USER ann PASSWORD 'secret'
    const verifier = wire.md5Verifier('ann', 'secret');
    assert.equal(verifier, 'md59d792a3a8853c2411afb9163d088c036');
    const answer = wire.md5Response(verifier, Buffer.from('salt'));
    assert.match(answer, /^md5[0-9a-f]{32}$/);
    assert.notEqual(answer, wire.md5Response(verifier, Buffer.from('SALT')));
  });
});

suite('ReadyForQuery', () => {
  test('its status', () => {
    const statuses = ['I', 'T', 'E', '?', 'i', '\0', '', 'II'];
    const read = statuses.map((status) => {
      const message = wire.buildMessage(wire.BackendCode.ReadyForQuery, Buffer.from(status));
      const buffer = Buffer.concat([wire.closeComplete, message, wire.closeComplete]);
      const at = wire.closeComplete.length;
      return String.fromCharCode(wire.readyStatus(buffer, at, at + message.length));
    });
    assert.deepEqual(read, ['I', 'T', 'E', '\0', '\0', '\0', '\0', '\0']);
  });
});
