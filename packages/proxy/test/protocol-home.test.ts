import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const source = path.resolve(import.meta.dirname, '../src');

/** Integers as the protocol writes them, and the offsets of its headers. */
const layout = /\b(?:read|write)U?Int(?:16|32)BE\b|\b(?:at|start) \+ 5\b|\breadUIntBE\b/;

/** Files that read or write other formats, or bytes of their own. */
const others: ReadonlySet<string> = new Set([
  // DER
  'credentials/channel-binding.ts',
  // Secrets that the proxy makes up.
  'session/cancel-keys.ts',
]);

test('the layout of messages is known to @sluice/wire alone', () => {
  const found = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !others.has(file.replaceAll(path.sep, '/')))
    .flatMap((file) =>
      readFileSync(path.join(source, file), 'utf8')
        .split('\n')
        .filter((line) => layout.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    );
  assert.deepEqual(found, []);
});
