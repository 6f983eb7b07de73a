import { readFileSync, statfsSync } from 'node:fs';
import process from 'node:process';

/*
 * `npm test` loads this first: temporary files go to a file system in memory where there is a large one. Tests make and
 * remove some 200 databases of 1,300 files each. On a disk, one takes a second of CPU time, most of it in the kernel, and
 * in memory a third of that. Whoever sets TMPDIR has chosen already.
 */

const folder = '/dev/shm';
/** What all databases at one time need, with room to spare. */
const neededBytes = 6 * 1024 ** 3;

if (process.env['TMPDIR'] === undefined && isLargeInMemory()) process.env['TMPDIR'] = folder;

function isLargeInMemory(): boolean {
  try {
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    const options = mounts.findLast((line) => line.split(' ')[1] === folder)?.split(' ')[3];
    // Without a way to enter it for everybody's programs, the copy of PostgreSQL for another account would not run.
    if (options === undefined || /\b(?:noexec|ro)\b/.test(options)) return false;
    const { bavail, bsize } = statfsSync(folder);
    const free = /MemAvailable:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
    return bavail * bsize > neededBytes && Number(free) * 1024 > 2 * neededBytes;
  } catch {
    return false;
  }
}
