import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { parseRequest } from '../../src/admin/http-request.ts';

const head = (...lines: readonly string[]): string => lines.join('\r\n');

suite('the head of an HTTP request', () => {
  test('method, target and headers', () => {
    const request = parseRequest(
      head('GET /status?a=b HTTP/1.1', 'Host: a:1', 'X-Empty:', 'AUTHORIZATION:  Bearer t \t'),
    );
    assert.equal(request?.method, 'GET');
    assert.equal(request.target, '/status?a=b');
    assert.deepEqual(
      [...request.headers],
      [
        ['host', 'a:1'],
        ['x-empty', ''],
        ['authorization', 'Bearer t'],
      ],
    );
  });

  test('HTTP/1.0 needs no Host', () => {
    assert.equal(parseRequest('GET / HTTP/1.0')?.target, '/');
  });

  for (const wrong of [
    '',
    'GET /',
    'GET / HTTP/1.1',
    'GET / HTTP/2.0',
    'get / HTTP/1.1\r\nHost: a',
    'GET  / HTTP/1.1\r\nHost: a',
    'GET / x HTTP/1.1\r\nHost: a',
    'GET /\u00e9 HTTP/1.1\r\nHost: a',
    'GET / HTTP/1.1\r\nHost: a\r\nHost: b',
    'GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2',
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked',
    'GET / HTTP/1.1\r\nHost: a\r\n folded: b',
    'GET / HTTP/1.1\r\nHost : a',
    'GET / HTTP/1.1\r\n: a',
    'GET / HTTP/1.1\r\nHost: a\nX: b',
    'GET / HTTP/1.1\r\nHost: a\u0000b',
    'GET / HTTP/1.1\nHost: a',
  ])
    test(`is refused: ${JSON.stringify(wrong)}`, () => assert.equal(parseRequest(wrong), null));

  test('takes time in proportion to its length', () => {
    for (const piece of [' ', '\t', 'a', ':', 'a: b\r\n', '\r\n', '/', '-']) {
      const began = performance.now();
      for (let round = 0; round < 20; round++)
        parseRequest(
          `GET / HTTP/1.1\r\nHost: a\r\nx: ${piece.repeat(16_000 / piece.length)}y\u0001`,
        );
      const took = performance.now() - began;
      assert(took < 500, `${took} ms for 20 of ${JSON.stringify(piece)}`);
    }
  });
});
