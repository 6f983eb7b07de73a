import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { runtimes } from './runtimes.ts';

/** Folders of tests that make their module alone, in this process: they run on Bun as they are. */
const folders = ['backend', 'listen-notify', 'pool', 'protocol', 'recovery', 'session'];
/** Tests among them that start processes on both runtimes by themselves. */
const others = 'login.test.ts';

test('the unit tests of the core pass on Bun', async () => {
  const { stderr } = await promisify(execFile)(
    runtimes.bun,
    [
      'test',
      // As under Node.js: properties are tried with fixed values. A machine may be slow.
      `--preload=${path.join(import.meta.dirname, '../../../test/helpers/fixed-seed.ts')}`,
      '--timeout=60000',
      ...folders.map((folder) => `test/${folder}/`),
      // Bun's own sockets exist there alone.
      'test/io/transport',
      '--path-ignore-patterns',
      `**/${others}`,
    ],
    { cwd: path.join(import.meta.dirname, '..'), timeout: 120_000 },
  );
  // Bun reports on stderr, and fails with its exit code.
  assert.match(stderr, /^ *[1-9]\d* pass$/m);
});
