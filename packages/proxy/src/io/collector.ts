import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const megabyte = 1024 * 1024;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- undefined on Node.js
const { Bun: bun } = globalThis as { readonly Bun?: { gc(wait: true): void } };

/** The number of bytes read between two checks of the process size, on Bun. */
const interval = 32 * megabyte;

/** The number of bytes of buffers between two collections of the young generation, on Node.js. */
const youngInterval = 8 * megabyte;

/** How much the process can grow since the last collection before the next one. */
const allowance = 96 * megabyte;

/*
 * The young generation of V8 doubles with garbage, up to 134 MB, and keeps that size: 9,000 logged-in clients took 7.7
 * kB each, of which 2.4 were their own. Its initial size is sufficient, because nearly nothing of a message outlives
 * its turn.
 */
if (bun === undefined) setFlagsFromString('--semi-space-growth-factor=1');

/**
 * Collects the young generation of V8, which has no other API for that. Null on Bun, and if V8 does not provide it.
 */
function findCollectYoung(): ((options: { readonly type: 'minor' }) => void) | null {
  if (bun !== undefined) return null;
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('globalThis.gc');
  setFlagsFromString('--no-expose-gc');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- V8 has no types for it
  return typeof collect === 'function' ? (collect as (options: object) => void) : null;
}

const collectYoung = findCollectYoung();
let baseline = process.memoryUsage.rss();
let read = 0;
let allocated = 0;

/**
 * Counts the bytes of buffers; on Node.js, collects the young generation when there are many.
 *
 * Buffers are outside the heap of V8: the young generation does not fill with them, and is not collected. After some 16
 * MB of them V8 collects the whole heap instead, which stops the program for 8 to 15 ms; the young generation takes 0.5
 * ms.
 */
export function countAllocated(bytes: number): void {
  if (collectYoung === null) return;
  allocated += bytes;
  if (allocated < youngInterval) return;
  allocated = 0;
  collectYoung({ type: 'minor' });
}

/**
 * Counts bytes that were read, which are in buffers; on Bun, collects garbage when much of it has accumulated.
 *
 * Bun collects concurrently with the program, so on a busy machine garbage accumulates faster than it is freed: the
 * same result of 1.6 GB, of which never more than 512 KiB waited to be sent, increased the process by 13 MB once, and
 * by 270 MB the next time. So the program stops for a full collection (10 to 15 ms), but only when much garbage has
 * accumulated; short statements hardly ever cause that. `node:` has no API for this on Bun, so the code calls Bun's own
 * function.
 */
export function countRead(bytes: number): void {
  if (bun === undefined) {
    countAllocated(bytes);
    return;
  }
  read += bytes;
  if (read < interval) return;
  read = 0;
  const now = process.memoryUsage.rss();
  if (now < baseline) baseline = now;
  if (now - baseline < allowance) return;
  bun.gc(true);
  baseline = process.memoryUsage.rss();
}
