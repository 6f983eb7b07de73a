import { readFileSync } from 'node:fs';

/** /proc counts CPU time in ticks of USER_HZ, which is 100 on every platform that Linux runs on today. */
const microsPerTick = 10_000;

/** The CPU time of a process so far, user and system, over all threads, in microseconds. */
export function cpuMicros(pid: number): number {
  return parseCpuMicros(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/** The resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  return parseResidentBytes(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/**
 * From /proc/PID/stat: fields 14 (utime) and 15 (stime). The second field is the name of the program in parentheses,
 * which may itself contain blanks and parentheses, so counting starts after the last one.
 */
export function parseCpuMicros(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * microsPerTick;
}

/** From /proc/PID/status: `VmRSS:  12345 kB`. */
export function parseResidentBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
