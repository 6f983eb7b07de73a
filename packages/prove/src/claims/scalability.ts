import { setTimeout as delay } from 'node:timers/promises';
import { busyLimit, GeneratorWatch, generatorLimit } from '../load/generator-watch.ts';
import { inBatches } from '../load/in-batches.ts';
import { Latencies } from '../load/latency.ts';
import { RampClient } from '../load/ramp-client.ts';
import type { RampRecorder } from '../load/ramp-client.ts';
import { errorCode } from '../load/workload-client.ts';
import { failureText } from '../report/error-names.ts';
import type { RampPath, RampStep, Scalability } from '../report/schema.ts';
import type { DatabasePath, ProveRun } from './run.ts';

/** The number of concurrent logins. More would measure the password hashing of the load generator. */
const loginsAtOnce = 16;

/** The share of the free connections of the database that a ramp without an explicit limit uses. */
const politeShare = 0.8;

/** The expected duration of the ramps, in seconds. */
export function scalabilitySeconds({
  paths,
  limits,
  pace,
}: Pick<ProveRun, 'paths' | 'limits' | 'pace'>): number {
  const steps = stepsUpTo(limits.maxClients).length;
  return paths.length * (steps * (pace.secondsPerRampStep + 0.5) + limits.maxClients / 150);
}

/** Connects an increasing number of clients on each path, until some are refused or a limit is reached. */
export async function proveScalability(run: ProveRun): Promise<Scalability> {
  const paths: RampPath[] = [];
  for (const [at, path] of run.paths.entries()) {
    run.signal.throwIfAborted();
    paths.push(await ramp(run, path, (share) => (at + share) / run.paths.length));
  }
  return { paths };
}

/** 10, 20, 50, 100, … up to the limit. */
export function stepsUpTo(limit: number): number[] {
  const steps: number[] = [];
  for (let ten = 10; ten < limit; ten *= 10)
    for (const factor of [1, 2, 5]) if (ten * factor < limit) steps.push(ten * factor);
  return [...steps, limit];
}

/** The maximum number of clients of a ramp on this path, and the reason for it. */
export function rampLimit(
  { limits, facts, testkit }: Pick<ProveRun, 'limits' | 'facts' | 'testkit'>,
  path: DatabasePath,
): { readonly clients: number; readonly why: string } {
  const given = {
    clients: limits.maxClients,
    why: 'the run reached its limit',
  };
  if (path.kind === 'proxy' || testkit !== undefined || limits.isClientLimitGiven) return given;
  const spare = facts.maxConnections - facts.reservedConnections - facts.connections;
  const polite = Math.max(1, Math.floor(spare * politeShare));
  if (polite >= limits.maxClients) return given;
  return {
    clients: polite,
    why: `${polite} is ${politeShare * 100} % of the ${spare} connections that the database has free (raise --max-clients to use more)`,
  };
}

async function ramp(
  run: ProveRun,
  path: DatabasePath,
  share: (ofPath: number) => number,
): Promise<RampPath> {
  const limit = rampLimit(run, path);
  const targets = stepsUpTo(limit.clients);
  const before = await run.observer.sample();
  const clients: RampClient[] = [];
  const recorder: RampRecorder = { latency: undefined, failed: {} };
  const steps: RampStep[] = [];
  let ended: RampPath['ended'] = 'limit';
  let { why } = limit;
  try {
    for (const [at, target] of targets.entries()) {
      run.signal.throwIfAborted();
      run.progress.show(`${path.name}, ${target} clients`, share(at / targets.length));
      const step = await rampStep(run, path, target, clients, recorder);
      // Pools of other paths and other clients existed before.
      steps.push({
        ...step,
        connections: Math.max(0, step.connections - before.connections),
        memoryBytes:
          step.memoryBytes === null
            ? null
            : Math.max(0, step.memoryBytes - (before.memoryBytes ?? 0)),
      });
      const refused = Object.entries(step.failed);
      if (refused.length > 0) {
        ended = 'errors';
        why = `${target} were too many: ${failureText(step.failed)}`;
        break;
      }
      if (step.generator.busy > busyLimit) {
        ended = 'generator';
        why = `at ${target} clients ${step.generator.limit ?? ''}`;
        break;
      }
    }
  } finally {
    await inBatches(clients, 100, (client) => client.end());
  }
  const served = Math.max(0, ...steps.map((step) => step.served));
  return { path: path.name, limit: limit.clients, served, ended, why, steps };
}

async function rampStep(
  run: ProveRun,
  path: DatabasePath,
  target: number,
  clients: RampClient[],
  recorder: RampRecorder,
): Promise<RampStep> {
  const { workload, limits, pace, signal } = run;
  const connect = new Latencies();
  const failed: Record<string, number> = {};
  const missing = Array.from({ length: target - clients.length });
  await inBatches(missing, loginsAtOnce, async () => {
    if (signal.aborted) return;
    const startedAt = performance.now();
    try {
      const client = await RampClient.connect(path.url(), workload, recorder);
      connect.record(performance.now() - startedAt);
      clients.push(client);
    } catch (error) {
      const code = errorCode(error);
      failed[code] = (failed[code] ?? 0) + 1;
    }
  });
  // All clients together stay below the given rate, whatever their number.
  const stretch = Math.max(
    1,
    (clients.length * 1000) / (Math.max(1, workload.meanThinkTime) * limits.maxRate),
  );
  for (const client of clients) client.start(stretch);
  // The step does not measure the first transactions of new connections.
  await delay(Math.min(300, pace.secondsPerRampStep * 200), undefined, { signal });
  const latency = new Latencies();
  recorder.latency = latency;
  recorder.failed = {};
  const watch = new GeneratorWatch();
  await delay(pace.secondsPerRampStep * 1000, undefined, { signal });
  recorder.latency = undefined;
  const health = watch.stop();
  for (const [code, count] of Object.entries(recorder.failed))
    failed[code] = (failed[code] ?? 0) + count;
  const answers = await inBatches(clients, 50, (client) => client.query());
  const sample = await run.observer.sample();
  const summary = latency.summary();
  return {
    clients: target,
    connected: clients.length,
    served: answers.filter(({ status }) => status === 'fulfilled').length,
    failed,
    connect: connect.summary(),
    latency: summary,
    throughput: latency.count / pace.secondsPerRampStep,
    ...sample,
    generator: { ...health, limit: generatorLimit(health, summary?.p99) },
  };
}
