import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { runtimes } from './runtimes.ts';

/** Folders with tests that construct a module in this process: they run on Bun unchanged. */
const folders = [
  'admin',
  'authentication',
  'backend',
  'interleaving',
  'listen-notify',
  'parameters',
  'pool',
  'protocol',
  'recovery',
  'session',
  'statements',
  'targets',
];
/** Tests that start processes on both runtimes themselves. */
const others = 'login.test.ts';

/** Runs these tests on Bun; fails if one of them fails. */
async function run(tests: readonly string[], timeout: number): Promise<void> {
  const { stderr } = await promisify(execFile)(
    runtimes.bun,
    [
      'test',
      // As on Node.js: properties use fixed values. A machine may be slow.
      `--preload=${path.join(import.meta.dirname, '../../../test/helpers/fixed-seed.ts')}`,
      `--timeout=${timeout / 2}`,
      ...tests,
      '--path-ignore-patterns',
      `**/${others}`,
    ],
    { cwd: path.join(import.meta.dirname, '..'), timeout },
  );
  // Bun reports on stderr, and its exit code shows failures.
  assert.match(stderr, /^ *[1-9]\d* pass$/m);
}

test('the unit tests of the core pass on Bun', () =>
  run(
    [
      ...folders.map((folder) => `test/${folder}/`),
      // Bun's own sockets exist only there.
      'test/io/transport',
      'test/io/close-within',
    ],
    120_000,
  ));

test('work is linear on Bun too, which has other regular expressions', () =>
  run(['test/scaling'], 400_000));
