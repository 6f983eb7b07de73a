import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { FailoverPlan, Limits } from './claims/run.ts';
import type { Dialogue, ProveOptions } from './options.ts';
import type { DnsName, TestkitStage } from './stage/index.ts';

const connections = 20;
const patienceMs = 5000;

/**
 * The common part of all plans. Writes and reads together respect the rate limit; busy and idle clients, the client
 * limit.
 */
function common(
  options: ProveOptions,
  { maxClients, maxRate }: Pick<Limits, 'maxClients' | 'maxRate'>,
  rounds: number,
): Omit<FailoverPlan, 'trigger' | 'start' | 'repair' | 'settleMs' | 'needsOutage'> {
  const writesPerSecond = Math.min(options.failoverRate, maxRate / 2);
  return {
    rounds,
    writesPerSecond,
    readsPerSecond: writesPerSecond,
    connections: Math.min(connections, Math.ceil(maxClients / 2)),
    idleClients: Math.min(connections, Math.floor(maxClients / 2)),
    patienceMs,
    timeoutMs: options.failoverTimeout * 1000,
  };
}

/** The test cluster's primary fails, and its standby takes over. */
export function testkitPlan(
  options: ProveOptions,
  limits: Limits,
  testkit: TestkitStage,
  dns: DnsName,
): FailoverPlan {
  let former: Awaited<ReturnType<TestkitStage['failOver']>>['former'] | undefined;
  return {
    ...common(options, limits, options.failoverRounds ?? 5),
    trigger: `${options.failoverKind} of the test cluster’s primary`,
    needsOutage: false,
    settleMs: 1000,
    start: async () => {
      const times = await testkit.failOver(options.failoverKind, (standby) => {
        dns.record = standby;
      });
      ({ former } = times);
      return times;
    },
    repair: async () => {
      if (former !== undefined) await testkit.repair(former);
      dns.refresh();
    },
  };
}

/** A command of the user triggers the failover. */
export function commandPlan(
  options: ProveOptions,
  limits: Limits,
  command: string,
  signal: AbortSignal,
): FailoverPlan {
  return {
    ...common(options, limits, options.failoverRounds ?? 1),
    trigger: command,
    needsOutage: true,
    settleMs: options.failoverSettle * 1000,
    start: async () => {
      const faultAt = Date.now();
      const child = spawn(command, { shell: true, stdio: ['ignore', 'ignore', 'pipe'], signal });
      let output = '';
      child.stderr.on('data', (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-2000);
      });
      await once(child, 'close');
      const { exitCode: code } = child;
      if (code !== 0) {
        throw new Error(
          `the failover command ended with exit code ${code}: ${command}\n${output.trim()}`,
        );
      }
      return { faultAt, promotedAt: null };
    },
    repair: () => Promise.resolve(),
  };
}

/** The user triggers the failover, and presses Enter. */
export function handPlan(
  options: ProveOptions,
  limits: Limits,
  dialogue: Dialogue,
  signal: AbortSignal,
): FailoverPlan {
  return {
    ...common(options, limits, options.failoverRounds ?? 1),
    trigger: 'by hand',
    needsOutage: true,
    settleMs: options.failoverSettle * 1000,
    start: async () => {
      await dialogue.pressEnter(
        'The load is running. Start the failover now, and press Enter as you start it.',
        signal,
      );
      return { faultAt: Date.now(), promotedAt: null };
    },
    repair: () => Promise.resolve(),
  };
}
