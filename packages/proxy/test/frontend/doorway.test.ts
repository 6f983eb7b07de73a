import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doorway, tlsDoorway } from '../../src/frontend/doorway.ts';
import { MemorySocket } from '../scripted-server.ts';

/** A socket that records when it is read. */
class Arrival extends MemorySocket {
  isRead = false;

  override resume(): void {
    this.isRead = true;
    super.resume();
  }
}

test('each turn of the event loop starts a few clients, in order', async () => {
  const all = Array.from({ length: 1000 }, () => new Arrival());
  for (const each of all) doorway.enter(each);
  const begun = (): number => all.filter(({ isRead }) => isRead).length;
  assert.equal(begun(), 4);
  let turns = 0;
  for (; begun() < 1000; turns += 1) {
    const before = begun();
    await new Promise(setImmediate);
    // More only after a slow turn.
    assert(begun() > before);
    assert(all.slice(0, begun()).every(({ isRead }) => isRead));
  }
  assert(turns > 1, 'all at once');
});

test('TLS handshakes begin one in each turn, however long it takes', async () => {
  const all = Array.from({ length: 10 }, () => new Arrival());
  for (const each of all) tlsDoorway.enter(each);
  const begun = (): number => all.filter(({ isRead }) => isRead).length;
  assert.equal(begun(), 1);
  for (let count = 2; count <= all.length; count++) {
    for (const end = performance.now() + 3; performance.now() < end;);
    await new Promise(setImmediate);
    assert.equal(begun(), count);
  }
});
