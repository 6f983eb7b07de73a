import assert from 'node:assert/strict';
import { Release, nextRelease, wouldLinger } from '../../src/session/release-policy.ts';
import type { Lingering, Releasable } from '../../src/session/release-policy.ts';
import { test } from 'node:test';

/** A session with nothing to do before its lease ends. */
const quiet: Releasable = {
  isKept: false,
  hasUnchecked: false,
  canReadCode: true,
  wantsProbe: false,
  lingers: false,
  parametersDirty: false,
  listens: false,
  mustCheckSequences: false,
  isPinned: false,
  staysPinned: false,
  mustUnlisten: false,
};

function next(session: Partial<Releasable>, isListeningSettled = false): Release {
  return nextRelease({ ...quiet, ...session }, isListeningSettled);
}

/** A session with everything to do. */
const busy: Releasable = {
  isKept: true,
  hasUnchecked: true,
  canReadCode: true,
  wantsProbe: true,
  lingers: true,
  parametersDirty: false,
  listens: true,
  mustCheckSequences: true,
  isPinned: true,
  staysPinned: false,
  mustUnlisten: true,
};

test('a session with nothing to do ends its lease', () => {
  assert.equal(next({}), Release.Let);
  assert.equal(next({}, true), Release.Let);
});

test('a session that must stay does so, whatever else there is', () => {
  assert.equal(nextRelease(busy), Release.Stay);
  assert.equal(next({ isKept: true }), Release.Stay);
});

test('a session that may linger does so before any query', () => {
  assert.equal(nextRelease({ ...busy, isKept: false }), Release.Linger);
});

test('a session that may linger reads back only the parameters that it has set', () => {
  assert.equal(nextRelease({ ...busy, isKept: false, parametersDirty: true }), Release.ReadBack);
  // Otherwise the probe reads them back.
  assert.equal(next({ parametersDirty: true, wantsProbe: true }), Release.Probe);
});

test('unanalyzed statements cause the code in the database to be read', () => {
  assert.equal(next({ hasUnchecked: true }), Release.ReadStoredCode);
  assert.equal(nextRelease({ ...busy, isKept: false, lingers: false }), Release.ReadStoredCode);
});

test('they are analyzed with what is known if the database cannot be queried', () => {
  assert.equal(next({ hasUnchecked: true, canReadCode: false }), Release.Judge);
});

test('they are not analyzed while a pin lasts until the session ends', () => {
  const pinned = { hasUnchecked: true, isPinned: true };
  assert.equal(next({ ...pinned, staysPinned: true }), Release.Stay);
  assert.equal(next({ ...pinned, staysPinned: true, canReadCode: false }), Release.Stay);
  assert.equal(next({ ...pinned, staysPinned: true, wantsProbe: true }), Release.Probe);
  // A pin that may end does not keep what ran before from the next session.
  assert.equal(next(pinned), Release.ReadStoredCode);
});

test('a probe comes before LISTEN is settled', () => {
  assert.equal(next({ wantsProbe: true, listens: true }), Release.Probe);
  assert.equal(next({ wantsProbe: true, isPinned: true }), Release.Probe);
});

test('LISTEN is settled before sequences are queried', () => {
  assert.equal(next({ listens: true, mustCheckSequences: true }), Release.SettleListening);
  assert.equal(next({ listens: true, isPinned: true }), Release.SettleListening);
  assert.equal(next({ listens: true, mustUnlisten: true }), Release.SettleListening);
});

test('once LISTEN is settled, it is not settled again', () => {
  assert.equal(next({ listens: true }, true), Release.Let);
  assert.equal(next({ listens: true, mustCheckSequences: true }, true), Release.CheckSequences);
  assert.equal(next({ listens: true, isPinned: true }, true), Release.Stay);
  assert.equal(next({ listens: true, mustUnlisten: true }, true), Release.Unlisten);
});

test('once LISTEN is settled, earlier steps are not repeated', () => {
  assert.equal(
    nextRelease({ ...busy, mustCheckSequences: false, isPinned: false, mustUnlisten: false }, true),
    Release.Let,
  );
});

test('sequences are queried even for a pinned session: its pin may end', () => {
  assert.equal(next({ mustCheckSequences: true, isPinned: true }), Release.CheckSequences);
});

test('a pinned session keeps its lease', () => {
  assert.equal(next({ isPinned: true }), Release.Stay);
});

test('a pinned session LISTENs on its connection', () => {
  assert.equal(next({ isPinned: true, mustUnlisten: true }), Release.Stay);
});

test('a connection that LISTENs is not returned', () => {
  assert.equal(next({ mustUnlisten: true }), Release.Unlisten);
});

const mayLinger: Lingering = {
  isPinned: false,
  movesOn: false,
  mayHaveLeft: true,
  isCertain: false,
  parametersSuspected: false,
  listens: false,
};

test('a session lingers if its statements may have left state', () => {
  assert(wouldLinger(mayLinger));
});

test('a session does not linger if its statements have left no state', () => {
  assert(!wouldLinger({ ...mayLinger, mayHaveLeft: false }));
});

for (const name of ['isPinned', 'movesOn', 'isCertain', 'parametersSuspected', 'listens'] as const)
  test(`a session does not linger for ${name}`, () => {
    assert(!wouldLinger({ ...mayLinger, [name]: true }));
  });
