import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CancelQueue } from '../../src/backend/cancel-queue.ts';
import type { SendCancel } from '../../src/backend/cancel-queue.ts';
import { scriptedAddress } from '../scripted-server.ts';

/** The cancel key of this process. */
function keyOf(processId: number): Parameters<SendCancel>[0] {
  return { processId, secretKey: Buffer.alloc(4), address: scriptedAddress };
}

test('cancel requests are sent in order, at most as many at a time as the limit permits', () => {
  let limit = 2;
  const sent: number[] = [];
  const ends: (() => void)[] = [];
  const delivered: boolean[] = [];
  const queue = new CancelQueue(
    () => limit,
    ({ processId }, done) => {
      sent.push(processId);
      ends.push(() => done(true));
    },
  );
  const cancel = (processId: number): void =>
    queue.send(keyOf(processId), (isDelivered) => void delivered.push(isDelivered));
  for (let at = 0; at < 5; at += 1) cancel(at);
  assert.deepEqual(sent, [0, 1]);
  assert.deepEqual([queue.underWay, queue.waiting], [2, 3]);
  ends.shift()?.();
  assert.deepEqual(sent, [0, 1, 2]);
  limit = 10;
  ends.shift()?.();
  assert.deepEqual(sent, [0, 1, 2, 3, 4]);
  while (ends.length > 0) ends.shift()?.();
  assert.deepEqual(delivered, [true, true, true, true, true]);
  assert.deepEqual([queue.underWay, queue.waiting, queue.dropped], [0, 0, 0]);
});

test('requests beyond the length of the queue are dropped and counted', () => {
  const queue = new CancelQueue(
    () => 1,
    () => undefined,
  );
  const delivered: boolean[] = [];
  for (let at = 0; at < 10_002; at += 1)
    queue.send(keyOf(at), (isDelivered) => void delivered.push(isDelivered));
  assert.deepEqual(delivered, [false]);
  assert.deepEqual([queue.waiting, queue.dropped], [10_000, 1]);
});
