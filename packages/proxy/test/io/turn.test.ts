import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { faults } from '../../src/io/guard.ts';
import { turn } from '../../src/io/turn.ts';
import type { Worker } from '../../src/io/turn.ts';

/** Keeps the event loop busy. */
function busy(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

function fail(error: unknown): never {
  throw error;
}

/** A worker that works once. */
function worker(workOn: () => void, broken: (error: unknown) => void = fail): Worker {
  return { workOn, broken };
}

function turns(count: number): Promise<void> {
  return new Promise((resolve) => {
    const next = (left: number): void => {
      if (left === 0) resolve();
      else setImmediate(next, left - 1);
    };
    next(count);
  });
}

suite('connections that share the event loop', () => {
  test('a long worker ends the turn, and other events run before the next worker', async () => {
    const steps: string[] = [];
    const done = Promise.withResolvers<void>();
    for (const name of ['a', 'b', 'c'])
      turn.later(
        worker(() => {
          steps.push(name);
          setImmediate(() => steps.push(`after ${name}`));
          busy(2);
          assert(turn.isOver);
          if (name === 'c') setImmediate(done.resolve);
        }),
      );
    await done.promise;
    assert.deepEqual(steps, ['a', 'after a', 'b', 'after b', 'c', 'after c']);
  });

  test('short workers share a turn, and a worker added during it runs in the next one', async () => {
    const steps: string[] = [];
    const done = Promise.withResolvers<void>();
    turn.later(
      worker(() => {
        steps.push('a');
        setImmediate(() => steps.push('others'));
        turn.later(
          worker(() => {
            steps.push('again');
            done.resolve();
          }),
        );
      }),
    );
    turn.later(worker(() => steps.push('b')));
    await done.promise;
    assert.deepEqual(steps, ['a', 'b', 'others', 'again']);
  });

  test('an exception reaches its worker, an exception there is counted, and the other workers run', async () => {
    const before = faults.caught;
    const errors: unknown[] = [];
    const fault = new Error('a fault');
    const breaks = (): void => {
      throw fault;
    };
    let worked = false;
    turn.later(worker(breaks, (error) => errors.push(error)));
    turn.later(worker(breaks, breaks));
    turn.later(worker(() => (worked = true)));
    await turns(5);
    assert.deepEqual(errors, [fault]);
    assert.equal(faults.caught, before + 1);
    assert(worked);
  });
});
