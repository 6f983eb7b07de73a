import { readFile } from 'node:fs/promises';
import os from 'node:os';

/** What the numbers depend on. No host name and no path: results are published. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** Load average over one minute before the run: above 0.5, something else was using the machine. */
  readonly loadBefore: number;
}

/** Finds out what this machine is. */
export async function describeMachine(): Promise<Machine> {
  return {
    cores: os.availableParallelism(),
    cpu: await cpuModel(),
    memoryBytes: os.totalmem(),
    kernel: `${os.type()} ${os.release().split('-', 1).join('')}`,
    loadBefore: os.loadavg()[0] ?? 0,
  };
}

/** Of `os.cpus()`, Node.js needs a clock speed to fill in the model, which virtual machines do not always give. */
async function cpuModel(): Promise<string> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  return /^model name\s*:\s*(.+)$/m.exec(text)?.[1] ?? os.cpus()[0]?.model ?? 'unknown';
}
