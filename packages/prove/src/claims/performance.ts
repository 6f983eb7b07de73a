import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseCounts } from '../database/observer.ts';
import { databaseCounters } from '../database/observer.ts';
import { generatorLimit } from '../load/generator-watch.ts';
import { inBatches } from '../load/in-batches.ts';
import { Latencies } from '../load/latency.ts';
import { openLoop } from '../load/open-loop.ts';
import type { OpenLoopResult } from '../load/open-loop.ts';
import { ConnectingSlot, KeptSlot } from '../load/slot.ts';
import type { Slot } from '../load/slot.ts';
import { ProveError } from '../prove-error.ts';
import type { DatabaseCost, Load, LoadRound, Performance } from '../report/schema.ts';
import type { DatabasePath, ProveRun } from './run.ts';

/** Server processes report their counters at most once a second (PGSTAT_MIN_INTERVAL). */
const settleMs = 1050;

const warmUpSeconds = 1;

/** The rates of the steady load: each is twice the previous one, up to the limit. */
export function ratesUpTo(limit: number): number[] {
  const rates = [limit / 8, limit / 4, limit / 2, limit].map(Math.round);
  return [...new Set(rates.filter((rate) => rate >= 1))];
}

/** The expected duration of the loads, in seconds. */
export function performanceSeconds({
  paths,
  pace,
  workload,
}: Pick<ProveRun, 'paths' | 'pace' | 'workload'>): number {
  const each = paths.length * pace.rounds * (pace.secondsPerRound + 0.1);
  const settling = (paths.length * pace.rounds * settleMs) / 1000;
  const steady =
    workload.pattern === 'per-transaction' ? 0 : pace.rates.length * each + settling + 3;
  const connecting =
    workload.pattern === 'pool' ? 0 : connectRates(pace.connectRate).length * each + settling + 3;
  return steady + connecting;
}

function connectRates(limit: number): number[] {
  return [...new Set([Math.max(1, Math.round(limit / 2)), limit])];
}

/** Runs a steady load at increasing rates on each path in turn, then one that connects for each transaction. */
export async function provePerformance(run: ProveRun): Promise<Performance> {
  const { workload, limits, pace } = run;
  const clients = Math.min(workload.clients, limits.maxClients);
  const database: DatabaseCost[] = [];
  const hasSteady = workload.pattern !== 'per-transaction';
  const steady = hasSteady
    ? await measure(run, {
        pattern: 'pool',
        rates: pace.rates,
        from: 0,
        to: workload.pattern === 'both' ? 0.65 : 1,
        database,
        open: (path) => openKept(path, run, clients),
      })
    : [];
  const connecting =
    workload.pattern === 'pool'
      ? []
      : await measure(run, {
          pattern: 'per-transaction',
          rates: connectRates(Math.min(pace.connectRate, limits.maxRate)),
          from: hasSteady ? 0.65 : 0,
          to: 1,
          database,
          open: (path, connects) =>
            Promise.resolve(
              Array.from(
                { length: clients },
                () => new ConnectingSlot(path.url, workload, connects),
              ),
            ),
        });
  return { clients, secondsPerRound: pace.secondsPerRound, steady, connecting, database };
}

interface Measurement {
  readonly pattern: DatabaseCost['pattern'];
  readonly rates: readonly number[];
  /** The shares of the duration of the claim at which a part begins and ends. */
  readonly from: number;
  readonly to: number;
  /** Gets the counters of the database. */
  readonly database: DatabaseCost[];
  readonly open: (path: DatabasePath, connects: Latencies) => Promise<Slot[]>;
}

/** The measurements of one path at one rate. */
interface Gathered {
  readonly path: string;
  readonly rate: number;
  readonly rounds: LoadRound[];
  readonly latency: Latencies;
  readonly connects: Latencies;
}

/** The paths take turns within each round, so that a change of the machine's speed affects all of them. */
async function measure(run: ProveRun, measurement: Measurement): Promise<Load[]> {
  const { paths, pace, signal, progress } = run;
  const { pattern, rates, from, to } = measurement;
  const opened = new Map<string, { slots: Slot[]; connects: Latencies }>();
  const all: Gathered[] = [];
  // A rate that every path can most likely handle: there, the work of the database is compared.
  const counted = rates.at(-2) ?? rates.at(-1);
  const costs = new Map<string, CostOfPath>();
  const turns = paths.length * rates.length * pace.rounds;
  let turn = 0;
  try {
    for (const path of paths) {
      const connects = new Latencies();
      const slots = await measurement.open(path, connects);
      opened.set(path.name, { slots, connects });
      progress.show(`${path.name}, warm-up`, from);
      await openLoop(slots, { rate: rates[0] ?? 1, seconds: warmUpSeconds }, signal);
    }
    const overrun = new Set<string>();
    for (const rate of rates) {
      const ofRate = paths.map(({ name }) => gather(name, rate));
      all.push(...ofRate);
      for (let round = 0; round < pace.rounds; round++) {
        // The first path changes from round to round.
        for (const at of paths.keys()) {
          signal.throwIfAborted();
          const index = (at + round) % paths.length;
          const [path, gathered] = [paths[index], ofRate[index]];
          const slots = path && opened.get(path.name);
          if (path === undefined || gathered === undefined || slots === undefined) continue;
          const share = from + ((to - from) * turn++) / turns;
          const unit = pattern === 'pool' ? '/s' : ' logins/s';
          progress.show(
            `${path.name}, ${rate}${unit}, round ${round + 1} of ${pace.rounds}`,
            share,
          );
          if (overrun.has(path.name)) continue;
          const cost = rate === counted ? costOf(costs, path.name) : undefined;
          const result = await measureRound(run, rate, slots, gathered, cost);
          if (result.isOverrun) overrun.add(path.name);
        }
      }
    }
  } finally {
    for (const { slots } of opened.values()) await inBatches(slots, 100, (slot) => slot.end());
  }
  for (const [path, { transactions, sums, cpuMicros }] of costs) {
    const perTransaction = Object.fromEntries(
      Object.entries(sums).map(([name, sum]) => [name, sum / Math.max(1, transactions)]),
    );
    measurement.database.push({
      path,
      pattern,
      rate: counted ?? 0,
      transactions,
      perTransaction,
      cpuMicros,
    });
  }
  return all
    .filter(({ rounds }) => rounds.length > 0)
    .map(({ path, rate, rounds, latency, connects }) => ({
      path,
      rate,
      rounds,
      latency: latency.summary(),
      curve: latency.curve(),
      connectCurve: connects.curve(),
    }));
}

function gather(path: string, rate: number): Gathered {
  return { path, rate, rounds: [], latency: new Latencies(), connects: new Latencies() };
}

/** The work of the database for one path, summed over the rounds. */
interface CostOfPath {
  transactions: number;
  readonly sums: Record<string, number>;
  readonly cpuMicros: number[];
}

function costOf(costs: Map<string, CostOfPath>, path: string): CostOfPath {
  const known = costs.get(path) ?? { transactions: 0, sums: {}, cpuMicros: [] };
  costs.set(path, known);
  return known;
}

async function measureRound(
  run: ProveRun,
  rate: number,
  { slots, connects }: { readonly slots: readonly Slot[]; readonly connects: Latencies },
  gathered: Gathered,
  cost: CostOfPath | undefined,
): Promise<OpenLoopResult> {
  const before = cost && (await run.observer.counts());
  connects.reset();
  const plan = { rate, seconds: run.pace.secondsPerRound };
  const result = await openLoop(slots, plan, run.signal);
  const connect = connects.summary();
  gathered.latency.add(result.latency);
  if (connects.count > 0) gathered.connects.add(connects);
  gathered.rounds.push(roundOf(result, connect));
  if (cost !== undefined && before !== undefined) {
    const flushed = await flush(slots, run.signal);
    addCost(cost, before, await run.observer.counts(), result.answered + flushed);
  }
  return result;
}

function roundOf(result: OpenLoopResult, connect: LoadRound['connect']): LoadRound {
  const { asked, answered, unanswered, failed, throughput, isOverrun, generator } = result;
  const latency = result.latency.summary();
  return {
    asked,
    answered,
    unanswered,
    failed,
    throughput,
    isOverrun,
    latency,
    service: result.service.summary(),
    connect,
    generator: { ...generator, limit: generatorLimit(generator, latency?.p99) },
  };
}

/** Makes the server processes report their counters: with one more transaction each, after a second. */
async function flush(slots: readonly Slot[], signal: AbortSignal): Promise<number> {
  await delay(settleMs, undefined, { signal });
  const results = await Promise.allSettled(slots.map((slot) => slot.run()));
  return results.filter(({ status }) => status === 'fulfilled').length;
}

function addCost(
  cost: CostOfPath,
  before: DatabaseCounts,
  after: DatabaseCounts,
  transactions: number,
): void {
  const add = (name: string, value: number): void => {
    cost.sums[name] = (cost.sums[name] ?? 0) + value;
  };
  cost.transactions += transactions;
  for (const name of databaseCounters) add(name, after.counters[name] - before.counters[name]);
  if (before.statements !== null && after.statements !== null) {
    add('statement calls', after.statements.calls - before.statements.calls);
    add('statement milliseconds', after.statements.milliseconds - before.statements.milliseconds);
  }
  if (before.cpuMicros !== null && after.cpuMicros !== null)
    cost.cpuMicros.push((after.cpuMicros - before.cpuMicros) / Math.max(1, transactions));
}

async function openKept(path: DatabasePath, run: ProveRun, clients: number): Promise<Slot[]> {
  const results = await inBatches(Array.from({ length: clients }), 8, () =>
    KeptSlot.open(path.url, run.workload),
  );
  const slots = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const refused = results.find((result) => result.status === 'rejected');
  if (refused !== undefined) {
    await Promise.all(slots.map((slot) => slot.end()));
    throw new ProveError(
      `only ${slots.length} of ${clients} clients could connect on the path ${path.name} (${String(refused.reason)}); lower connect.clients of the workload, or --max-clients`,
    );
  }
  return slots;
}
