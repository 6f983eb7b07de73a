import assert from 'node:assert/strict';
import { Release, nextRelease, wouldLinger } from '../../src/session/release-policy.ts';
import type { Lingering, Releasable } from '../../src/session/release-policy.ts';
import { test } from 'node:test';

/** A session with nothing to do before it lets go. */
const quiet: Releasable = {
  isKept: false,
  hasUnchecked: false,
  canReadCode: true,
  wantsProbe: false,
  lingers: false,
  listens: false,
  mustCheckSequences: false,
  isPinned: false,
  mustUnlisten: false,
};

function next(session: Partial<Releasable>, isListeningSettled = false): Release {
  return nextRelease({ ...quiet, ...session }, isListeningSettled);
}

/** Everything that there is to do at once. */
const busy: Releasable = {
  isKept: true,
  hasUnchecked: true,
  canReadCode: true,
  wantsProbe: true,
  lingers: true,
  listens: true,
  mustCheckSequences: true,
  isPinned: true,
  mustUnlisten: true,
};

test('a session with nothing to do lets go', () => {
  assert.equal(next({}), Release.Let);
  assert.equal(next({}, true), Release.Let);
});

test('a session that is held stays, whatever else there is', () => {
  assert.equal(nextRelease(busy), Release.Stay);
  assert.equal(next({ isKept: true }), Release.Stay);
});

test('a session that may linger does so before anything is found out', () => {
  assert.equal(nextRelease({ ...busy, isKept: false }), Release.Linger);
});

test('statements that are not judged have the code of the database read', () => {
  assert.equal(next({ hasUnchecked: true }), Release.ReadStoredCode);
  assert.equal(nextRelease({ ...busy, isKept: false, lingers: false }), Release.ReadStoredCode);
});

test('they are judged by what is known when the database cannot be asked', () => {
  assert.equal(next({ hasUnchecked: true, canReadCode: false }), Release.Judge);
});

test('a probe comes before listening is settled', () => {
  assert.equal(next({ wantsProbe: true, listens: true }), Release.Probe);
  assert.equal(next({ wantsProbe: true, isPinned: true }), Release.Probe);
});

test('listening is settled before sequences are asked for', () => {
  assert.equal(next({ listens: true, mustCheckSequences: true }), Release.SettleListening);
  assert.equal(next({ listens: true, isPinned: true }), Release.SettleListening);
  assert.equal(next({ listens: true, mustUnlisten: true }), Release.SettleListening);
});

test('once listening is settled, it is not settled again', () => {
  assert.equal(next({ listens: true }, true), Release.Let);
  assert.equal(next({ listens: true, mustCheckSequences: true }, true), Release.CheckSequences);
  assert.equal(next({ listens: true, isPinned: true }, true), Release.Stay);
  assert.equal(next({ listens: true, mustUnlisten: true }, true), Release.Unlisten);
});

test('once listening is settled, what came before it is not asked again', () => {
  assert.equal(
    nextRelease({ ...busy, mustCheckSequences: false, isPinned: false, mustUnlisten: false }, true),
    Release.Let,
  );
});

test('sequences are asked for even of a pinned session: its pin may end', () => {
  assert.equal(next({ mustCheckSequences: true, isPinned: true }), Release.CheckSequences);
});

test('a pinned session stays', () => {
  assert.equal(next({ isPinned: true }), Release.Stay);
});

test('a pinned session goes on to LISTEN on its connection', () => {
  assert.equal(next({ isPinned: true, mustUnlisten: true }), Release.Stay);
});

test('a connection that LISTENs is not let go', () => {
  assert.equal(next({ mustUnlisten: true }), Release.Unlisten);
});

const mayLinger: Lingering = {
  isPinned: false,
  movesOn: false,
  mayHaveLeft: true,
  isCertain: false,
  parametersDirty: false,
  listens: false,
};

test('a session lingers whose statements may have left something', () => {
  assert(wouldLinger(mayLinger));
});

test('a session does not linger whose statements have left nothing', () => {
  assert(!wouldLinger({ ...mayLinger, mayHaveLeft: false }));
});

for (const name of ['isPinned', 'movesOn', 'isCertain', 'parametersDirty', 'listens'] as const)
  test(`a session does not linger for ${name}`, () => {
    assert(!wouldLinger({ ...mayLinger, [name]: true }));
  });
