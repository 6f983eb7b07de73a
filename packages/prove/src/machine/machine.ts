import { readFile } from 'node:fs/promises';
import os from 'node:os';

/** The properties of the machine that affect the numbers. No host name and no path, because results are published. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** The load average over one minute before the run: above 0.5, something else used the machine. */
  readonly loadBefore: number;
}

/** Reads the properties of this machine. */
export async function describeMachine(): Promise<Machine> {
  return {
    cores: os.availableParallelism(),
    cpu: await cpuModel(),
    memoryBytes: os.totalmem(),
    kernel: `${os.type()} ${os.release().split('-', 1).join('')}`,
    loadBefore: os.loadavg()[0] ?? 0,
  };
}

/** `os.cpus()` has a model only if the clock speed is known, which is not the case on every virtual machine. */
async function cpuModel(): Promise<string> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  return /^model name\s*:\s*(.+)$/m.exec(text)?.[1] ?? os.cpus()[0]?.model ?? 'unknown';
}
