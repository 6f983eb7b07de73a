import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);
const program = path.join(import.meta.dirname, 'reset-program.ts');
const runtimes = {
  node: process.execPath,
  bun: createRequire(import.meta.url).resolve('bun/bin/bun.exe'),
};

suite('reset', () => {
  for (const [name, runtime] of Object.entries(runtimes)) {
    test(`lets the process end, with ${name}`, async () => {
      const { stderr } = await run(runtime, [program], { timeout: 10_000 });
      assert.equal(stderr, '');
    });
  }
});
