import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CheckQueue } from '../../src/authentication/check-queue.ts';

/** Waits until the callbacks of settled promises have run. */
async function settle(): Promise<void> {
  await new Promise(setImmediate);
}

suite('checks of logins', () => {
  test('run a few at a time in order, and each end starts the next one, also after an exception', async () => {
    const queue = new CheckQueue(2, 10);
    const begun: number[] = [];
    const checks = [0, 1, 2, 3, 4].map(() => Promise.withResolvers<number>());
    const results = checks.map(({ promise }, number) =>
      queue.run(() => {
        begun.push(number);
        return promise;
      }),
    );
    await settle();
    assert.deepEqual(begun, [0, 1]);
    checks[1]?.resolve(1);
    assert.equal(await results[1], 1);
    await settle();
    assert.deepEqual(begun, [0, 1, 2]);
    checks[0]?.reject(new Error('a fault'));
    await assert.rejects(results[0] ?? Promise.resolve(), /a fault/);
    for (const number of [2, 3, 4]) checks[number]?.resolve(number);
    assert.deepEqual(await Promise.all(results.slice(2)), [2, 3, 4]);
    // All slots are free again.
    const more = [5, 6].map((number) => queue.run(() => Promise.resolve(number)));
    assert.deepEqual(await Promise.all(more), [5, 6]);
  });

  test('a check is refused as an outage while too many others wait', async () => {
    const queue = new CheckQueue(1, 2);
    const check = Promise.withResolvers<string>();
    const first = [1, 2, 3].map(() => queue.run(() => check.promise));
    assert.deepEqual(await queue.run(() => assert.fail('it is not run')), {
      why: 'too many other logins wait to be checked',
      isOutage: true,
    });
    check.resolve('right');
    assert.deepEqual(await Promise.all(first), ['right', 'right', 'right']);
    assert.equal(await queue.run(() => Promise.resolve('again')), 'again');
  });

  test('checks of disconnected clients are not run, and free their slots', async () => {
    const queue = new CheckQueue(1, 2);
    const check = Promise.withResolvers<string>();
    const first = queue.run(() => check.promise);
    let isThere = true;
    const gone = [1, 2].map(() =>
      queue.run(
        () => assert.fail('it is not run'),
        () => isThere,
      ),
    );
    isThere = false;
    // Both are dropped for the first of these.
    const others = ['a', 'b'].map((name) => queue.run(() => Promise.resolve(name)));
    const why = { why: 'the client is gone', isOutage: true };
    assert.deepEqual(await Promise.all(gone), [why, why]);
    assert.deepEqual(await queue.run(() => Promise.resolve('c')), {
      why: 'too many other logins wait to be checked',
      isOutage: true,
    });
    check.resolve('right');
    assert.deepEqual(await Promise.all([first, ...others]), ['right', 'a', 'b']);
    // Without others, they are skipped in their turn.
    const again = Promise.withResolvers<string>();
    const running = queue.run(() => again.promise);
    const unwanted = queue.run(
      () => assert.fail('it is not run'),
      () => false,
    );
    const last = queue.run(() => Promise.resolve('last'));
    again.resolve('again');
    assert.deepEqual(await Promise.all([running, unwanted, last]), ['again', why, 'last']);
  });
});
