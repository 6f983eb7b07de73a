import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';

const root = join(import.meta.dirname, '../..');

/** Everything in the image comes from the repository, so that a rebuild gives the same result. */
suite('the image', () => {
  test('its base images are pinned by digest', async () => {
    const dockerfile = await readFile(join(root, 'Dockerfile'), 'utf8');
    const bases = dockerfile.split('\n').filter((line) => line.startsWith('FROM '));
    assert.equal(bases.length, 2);
    for (const base of bases) assert.match(base, /@sha256:[0-9a-f]{64}( AS \w+)?$/);
  });

  test('its packages come from the lock file', async () => {
    const script = await readFile(join(root, 'container/build.sh'), 'utf8');
    const installs = script.match(/\b(npm|npx|bun|bunx|yarn|pnpm) (?!run)\S+/g);
    assert.deepEqual(installs, ['npm ci']);
    // Otherwise the builder's own folders would replace them.
    const ignored = await readFile(join(root, '.dockerignore'), 'utf8');
    assert(ignored.split('\n').includes('**/node_modules'));
  });
});
