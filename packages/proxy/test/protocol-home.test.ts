import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

const source = path.resolve(import.meta.dirname, '../src');

/** The integers of the protocol, and the offsets of its headers. */
const layout = /\b(?:read|write)U?Int(?:16|32)BE\b|\b(?:at|start) \+ 5\b|\breadUIntBE\b/;

/** Files that read or write other formats, or their own bytes. */
const others: ReadonlySet<string> = new Set([
  // DER
  'credentials/channel-binding.ts',
  // Random secrets.
  'session/cancel-keys.ts',
]);

test('only @sluice/wire knows the layout of messages', () => {
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
