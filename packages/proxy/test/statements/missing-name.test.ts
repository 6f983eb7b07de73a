import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildQuery } from '@sluice/wire';
import { loadParser } from '../../src/sql/index.ts';
import { parts } from '../session/scripted-owner.ts';

await loadParser();

/** Whether a session considers its statement `a` closed when EXECUTE returns this error. */
function isGone(sqlstate: string, message: string): boolean {
  const { owner, server } = parts();
  owner.send(buildQuery('PREPARE a AS SELECT 1'));
  server.answer();
  server.errors.set('EXECUTE a', { severity: 'ERROR', sqlstate, message });
  owner.send(buildQuery('EXECUTE a'));
  server.answer();
  return owner.log.includes('corrected name');
}

test('a statement is missing if the database does not know it, in any language', () => {
  assert.ok(isGone('26000', 'prepared statement "a" does not exist'));
  assert.ok(isGone('26000', 'la sentencia preparada «a» no existe'));
});

test('it is not missing if code that it runs has called another one', () => {
  assert.ok(!isGone('26000', 'prepared statement "p" does not exist'));
  assert.ok(!isGone('26000', 'prepared statement "ab" does not exist'));
});

test('it is not missing for any other error that mentions it', () => {
  assert.ok(!isGone('42P01', 'relation "a" does not exist'));
});
