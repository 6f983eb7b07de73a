import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const source = path.resolve(import.meta.dirname, '../../src');

/** Functions of node:net without sockets. */
const pure =
  /^import (?:type )?\{ (?:(?:BlockList|isIP|isIPv4|isIPv6)(?:, )?)+ \} from 'node:net';$/;

test('only io/ and the admin port use sockets of Node.js', () => {
  const found = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll(path.sep, '/'))
    .filter((file) => file.endsWith('.ts') && !/^(?:io|admin)\//.test(file))
    .flatMap((file) =>
      readFileSync(path.join(source, file), 'utf8')
        .split('\n')
        .filter((line) => /'node:(?:net|tls)'/.test(line) && !pure.test(line))
        .map((line) => `${file}: ${line}`),
    );
  assert.deepEqual(found, []);
});
