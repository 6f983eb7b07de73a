import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ParameterSets } from '../../src/parameters/parameter-sets.ts';
import { SessionParameters } from '../../src/parameters/session-parameters.ts';

test('a read-back settles the meaning of a hundred texts; that of more stays unknown', () => {
  const sets = new ParameterSets();
  const parameters = new SessionParameters(sets, sets.acquire([]));
  parameters.suspect();
  const texts = Array.from({ length: 150 }, () => parameters.readsUnder(false));
  assert(texts.every(({ meaning }) => meaning === null));
  parameters.startReadBack([]);
  assert.match(parameters.readBackSql(false), /pg_settings/);
  parameters.take(
    [],
    new Map(),
    false,
    {
      state: {
        parameterSet: null,
        reported: new Map(),
        residue: { markUnproven: () => undefined },
        parametersSet: () => undefined,
      },
      pending: { length: 0 },
      run: () => assert.fail('nothing is put back'),
      closeOutOfSync: assert.fail,
    },
    'ann',
  );
  assert(texts.slice(0, 100).every(({ meaning }) => meaning !== null));
  assert(texts.slice(100).every(({ meaning }) => meaning === null));
});
