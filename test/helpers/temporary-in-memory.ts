import { readFileSync, statfsSync } from 'node:fs';
import process from 'node:process';

/*
 * `npm test` loads this first: it puts temporary files into a file system in memory, if there is a large one. Tests
 * create and remove some 200 databases of a thousand files each. On a disk, one takes three times the CPU time that it
 * takes in memory, mostly in the kernel. A TMPDIR that is already set is kept.
 */

const folder = '/dev/shm';
/** The space for all databases at one time, with a reserve. */
const neededBytes = 6 * 1024 ** 3;

if (process.env['TMPDIR'] === undefined && isLargeInMemory()) process.env['TMPDIR'] = folder;

function isLargeInMemory(): boolean {
  try {
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    const options = mounts.findLast((line) => line.split(' ')[1] === folder)?.split(' ')[3];
    // The copy of PostgreSQL for another account must be executable there.
    if (options === undefined || /\b(?:noexec|ro)\b/.test(options)) return false;
    const { bavail, bsize } = statfsSync(folder);
    const free = /MemAvailable:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
    return bavail * bsize > neededBytes && Number(free) * 1024 > 2 * neededBytes;
  } catch {
    return false;
  }
}
