import { readdirSync, readFileSync } from 'node:fs';
import { parseCpuMicros } from '../machine/process-cost.ts';

const microsPerTick = 10_000;

/** PostgreSQL's processes, where they run on this machine and this process may read /proc about them. */
export class LocalProcesses {
  readonly postmaster: number;

  private constructor(postmaster: number) {
    this.postmaster = postmaster;
  }

  /** Finds them by the process id of one backend; undefined when it is none of this machine. */
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

  /** Memory that these backends have for themselves or in proportion of what they share (Pss), in bytes; undefined where it may not be read. */
  memoryBytes(backends: readonly number[]): number | undefined {
    let sum = 0;
    let read = 0;
    for (const pid of backends) {
      try {
        const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
        sum += Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
        read++;
      } catch {
        // It has just gone, or may not be read.
      }
    }
    return read === 0 && backends.length > 0 ? undefined : sum;
  }

  /** CPU time of all of them, those that have gone included, in microseconds. */
  cpuMicros(): number {
    const stat = readFileSync(`/proc/${this.postmaster}/stat`, 'utf8');
    // Fields 16 and 17 (cutime, cstime): children that ended.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    let sum = parseCpuMicros(stat) + (Number(fields[13]) + Number(fields[14])) * microsPerTick;
    for (const pid of this.#children()) {
      try {
        sum += parseCpuMicros(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      } catch {
        // It has just ended, and its parent counts it.
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
