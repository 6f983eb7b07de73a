import { setTimeout as delay } from 'node:timers/promises';
import { withTarget } from './bench-run.ts';
import type { BenchRun } from './bench-run.ts';
import { idleWarmUp } from './cases.ts';
import type { IdleCase } from './cases.ts';
import { IdleClients } from './idle-clients/idle-clients.ts';
import { residentBytes } from '@sluice/prove/machine';
import type { IdleResult, IdleStep, TargetName } from './results.ts';
import type { Target } from './targets/target.ts';

/** Measures by how much idle clients increase the memory of each proxy. Memory does not vary, so there is one round. */
export async function measureIdle(run: BenchRun, idle: IdleCase): Promise<IdleResult> {
  const steps: Partial<Record<TargetName, readonly IdleStep[]>> = {};
  for (const name of run.targets) {
    // The database itself is not measured: it forks a process for each client.
    if (name === 'direct') continue;
    steps[name] =
      (await withTarget(run, name, idle.tls, (target) => measureTarget(run, idle, target))) ?? [];
  }
  return { name: idle.name, steps };
}

async function measureTarget(run: BenchRun, idle: IdleCase, target: Target): Promise<IdleStep[]> {
  const { pid, address, name } = target;
  if (pid === undefined) return [];
  const steps: IdleStep[] = [];
  const clients = new IdleClients(address, idle.tls);
  try {
    await clients.open(idleWarmUp, run.signal);
    const base = await settledBytes(pid);
    for (const count of idle.steps) {
      await clients.open(count, run.signal);
      const rss = await settledBytes(pid);
      const bytesPerClient = Math.round((rss - base) / (count - idleWarmUp));
      steps.push({ clients: count, rss, bytesPerClient });
      run.progress(`${idle.name}, ${count} clients, ${name}: ${bytesPerClient} bytes a client`);
    }
  } finally {
    await clients.close();
  }
  return steps;
}

/** The memory after it has changed by less than 1 % in a second, or after ten seconds. */
async function settledBytes(pid: number): Promise<number> {
  let last = residentBytes(pid);
  for (let second = 0; second < 10; second += 1) {
    await delay(1000);
    const now = residentBytes(pid);
    if (Math.abs(now - last) < last / 100) return now;
    last = now;
  }
  return last;
}
