import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { deprecationWarnings } from '../../src/settings/deprecation.ts';
import { givenObject } from '../../src/settings/given.ts';
import { createSettings, settings, settingsWarnings } from '../../src/settings/index.ts';
import { noteDeprecated } from '../../src/settings/warnings.ts';

const rows = {
  Old: {
    since: '1.0.0',
    deprecated: { since: '1.2.0', removedIn: '2.0.0', instead: 'use PoolSize' },
  },
  New: { since: '1.2.0' },
};

suite('deprecated settings', () => {
  test('the warning has the position, since when, until when, and what to do', () => {
    assert.deepEqual(deprecationWarnings(givenObject({ Old: 1, New: 2 }, 'sluice.yaml'), rows), [
      'sluice.yaml: Old has been deprecated since 1.2.0 and will be removed in 2.0.0; use PoolSize',
    ]);
    assert.deepEqual(deprecationWarnings(givenObject({ New: 2, toString: 3 }, 'x'), rows), []);
  });

  test('are among the warnings of the settings', () => {
    const users = [{ UserName: 'app', Password: 'secret' }];
    const one = createSettings({ TargetHost: 'db', Users: users });
    const other = createSettings({ TargetHost: 'db', Users: users });
    noteDeprecated(one, ['Old is deprecated']);
    assert.deepEqual(settingsWarnings(one), ['Old is deprecated']);
    assert.deepEqual(settingsWarnings(other), []);
  });

  test('are removed in a later version than the one that deprecated them', () => {
    for (const [name, { deprecated, since }] of settings) {
      if (deprecated === undefined) continue;
      const order = [since, deprecated.since, deprecated.removedIn];
      assert.deepEqual(
        order.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true })),
        order,
        name,
      );
    }
  });
});
