import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { PinReason, pinDescriptions } from '../../src/pinning/pin-reason.ts';

const page = path.resolve(import.meta.dirname, '../../../../docs/pinning.md');

test('docs/pinning.md describes each reason as the code does', async () => {
  const text = await readFile(page, 'utf8');
  const rows = text
    .split('\n')
    .filter((line) => /^\| `[a-z_]+` /.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .map((cells) => cells.slice(1, 4));
  assert.deepEqual(
    rows,
    Object.values(PinReason).map((reason) => {
      const { because, instead } = pinDescriptions[reason];
      return [`\`${reason}\``, because, instead];
    }),
  );
});
