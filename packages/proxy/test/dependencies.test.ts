import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface Package {
  readonly dependencies: Readonly<Record<string, string>>;
}

function dependenciesOf(manifest: string): readonly string[] {
  const text = readFileSync(new URL(manifest, import.meta.url), 'utf8');
  return Object.keys((JSON.parse(text) as Package).dependencies);
}

// Whoever adds a dependency to the daemon changes this list too, and says in the commit why ten lines of our own do not do.
test('the daemon depends on these packages and no others', () => {
  assert.deepEqual(dependenciesOf('../package.json'), [
    '@mongodb-js/saslprep',
    '@sluice/wire',
    'libpg-query',
    'pino',
    'pino-pretty',
    'prom-client',
    'yaml',
  ]);
  assert.deepEqual(dependenciesOf('../../wire/package.json'), []);
});
