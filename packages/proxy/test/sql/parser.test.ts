import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { runtimes } from '../runtimes.ts';
import { isNumber, objectOf, parseJson } from '../../src/json.ts';

const program = path.join(import.meta.dirname, 'parser-program.ts');

for (const [runtime, command] of Object.entries(runtimes)) {
  test(`the parser stays small however often it runs, on ${runtime}`, async () => {
    const { stdout } = await promisify(execFile)(command, [program]);
    const found = parseJson(stdout, objectOf({ before: isNumber, after: isNumber }));
    assert(found !== undefined);
    const { before, after } = found;
    assert(before > 10 && after >= before);
    assert(after - before < 200, `grew from ${before} to ${after} MB`);
  });
}
