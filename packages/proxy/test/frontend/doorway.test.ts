import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doorway } from '../../src/frontend/doorway.ts';
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
