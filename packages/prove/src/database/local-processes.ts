import { readdirSync, readFileSync } from 'node:fs';
import { parseCpuMicros } from '../machine/process-cost.ts';

const microsPerTick = 10_000;

/** The processes of PostgreSQL, if they run on this machine and this process can read them in /proc. */
export class LocalProcesses {
  readonly postmaster: number;

  private constructor(postmaster: number) {
    this.postmaster = postmaster;
  }

  /** Finds them by the process ID of one backend; undefined if it is not on this machine. */
  static find(backend: number): LocalProcesses | undefined {
    try {
      const name = readFileSync(`/proc/${backend}/cmdline`, 'utf8');
      if (!name.startsWith('postgres:')) return undefined;
      const parent = Number(
        /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${backend}/status`, 'utf8'))?.[1],
      );
      const found = new LocalProcesses(parent);
      found.cpuMicros();
      return found;
    } catch {
      return undefined;
    }
  }

  /** The memory of these backends with their part of shared pages (Pss), in bytes; undefined if it cannot be read. */
  memoryBytes(backends: readonly number[]): number | undefined {
    let sum = 0;
    let read = 0;
    for (const pid of backends) {
      try {
        const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
        sum += Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
        read++;
      } catch {
        // It has just ended, or cannot be read.
      }
    }
    return read === 0 && backends.length > 0 ? undefined : sum;
  }

  /** The CPU time of all of them, including ended ones, in microseconds. */
  cpuMicros(): number {
    const stat = readFileSync(`/proc/${this.postmaster}/stat`, 'utf8');
    // Fields 16 and 17 (cutime, cstime): children that ended.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    let sum = parseCpuMicros(stat) + (Number(fields[13]) + Number(fields[14])) * microsPerTick;
    for (const pid of this.#children()) {
      try {
        sum += parseCpuMicros(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      } catch {
        // It has just ended; its parent includes its CPU time.
      }
    }
    return sum;
  }

  #children(): number[] {
    try {
      return readFileSync(`/proc/${this.postmaster}/task/${this.postmaster}/children`, 'utf8')
        .trim()
        .split(' ')
        .filter((text) => text !== '')
        .map(Number);
    } catch {
      return readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map(Number)
        .filter((pid) => parentOf(pid) === this.postmaster);
    }
  }
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}
