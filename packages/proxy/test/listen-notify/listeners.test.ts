import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Listeners } from '../../src/listen-notify/listeners.ts';

test('a database has one listener as long as there is a session that may listen', () => {
  const listeners = new Listeners();
  const listener = listeners.of('shop');
  assert.equal(listeners.of('shop'), listener);
  listener.attach();
  listener.attach();
  listener.detach();
  listeners.tick();
  assert.equal(listeners.of('shop'), listener);
  listener.detach();
  listeners.tick();
  assert.deepEqual([...listeners.all], []);
  assert.notEqual(listeners.of('shop'), listener);
});
