import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memory } from '../../src/io/memory.ts';

test('new work is refused above the limit, until memory is somewhat below it', (t) => {
  const mega = 1024 * 1024;
  t.after(() => (memory.limit = Number.MAX_SAFE_INTEGER));
  let size = 100 * mega;
  t.mock.method(process.memoryUsage, 'rss', () => size);
  const { refused } = memory;
  /** Setting the limit makes it read the size again at once. */
  const refusal = (): string | undefined => {
    memory.limit = 100 * mega;
    return memory.refusal()?.message;
  };
  assert.equal(refusal(), undefined);
  size += mega;
  assert.match(refusal() ?? '', /101.*100/);
  assert(memory.isShort);
  // A little less would be a little more in the next moment.
  size = 96 * mega;
  assert.notEqual(refusal(), undefined);
  size = 95 * mega;
  assert.equal(refusal(), undefined);
  size = 99 * mega;
  assert.equal(refusal(), undefined);
  assert.equal(memory.refused, refused + 2);
});

test('without a limit, that of the container counts, and outside a container there is none', (t) => {
  t.after(() => (memory.limit = Number.MAX_SAFE_INTEGER));
  let allowed = 0;
  t.mock.method(process, 'constrainedMemory', () => allowed);
  memory.limit = 0;
  assert.equal(memory.limit, Infinity);
  assert(!memory.isShort);
  allowed = 2 ** 62;
  memory.limit = 0;
  assert.equal(memory.limit, Infinity);
  allowed = 1000;
  memory.limit = 0;
  assert.equal(memory.limit, 900);
  assert(memory.isShort);
});
