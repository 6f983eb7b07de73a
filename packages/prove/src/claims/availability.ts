import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { inBatches } from '../load/in-batches.ts';
import { FailoverLoad, isAcknowledged } from '../availability/failover-load.ts';
import { judgeKind, judgeRows, longestGap, slotMs, timeline } from '../availability/judge.ts';
import { median, relativeChange } from '../statistics/index.ts';
import type { Availability, AvailabilityLane, AvailabilityRound } from '../report/schema.ts';
import type { DatabasePath, FailoverFacts, FailoverPlan, ProveRun } from './run.ts';

/** “Reduces failover times by up to 66 %”: Amazon’s page on planning for RDS Proxy. */
const publishedClaim = 0.66;

/** How long the load runs before the failover, in milliseconds. */
const quietMs = 1500;

/** A path without a successful write for this long has an outage, in milliseconds. */
const outageMs = 250;

/** The expected duration of the rounds, in seconds. */
export function availabilitySeconds(plan: FailoverPlan, isLab: boolean): number {
  return plan.rounds * (isLab ? 11 : 90);
}

/** Makes the database fail over under a load on all paths at once, and counts the outcome of every request and row. */
export async function proveAvailability(run: ProveRun, plan: FailoverPlan): Promise<Availability> {
  const rounds: AvailabilityRound[] = [];
  for (let round = 0; round < plan.rounds; round++) {
    run.signal.throwIfAborted();
    run.progress.show(`round ${round + 1} of ${plan.rounds}`, round / plan.rounds);
    rounds.push(await failoverRound(run, plan));
    if (round + 1 < plan.rounds || run.testkit !== undefined) await plan.repair();
  }
  return {
    trigger: plan.trigger,
    writesPerSecond: plan.writesPerSecond,
    readsPerSecond: plan.readsPerSecond,
    rounds,
    cuts: cutsOf(rounds, run.paths),
    publishedClaim,
  };
}

/** The share by which the outage of each proxy is shorter than that of the direct path. */
function cutsOf(
  rounds: readonly AvailabilityRound[],
  paths: readonly Pick<DatabasePath, 'name' | 'kind'>[],
): Availability['cuts'] {
  const direct = paths.find(({ kind }) => kind === 'direct');
  if (direct === undefined) return [];
  const gaps = (path: string): (number | undefined)[] =>
    rounds.map(({ lanes }) => lanes.find((lane) => lane.path === path)?.gapMs);
  return paths
    .filter(({ kind }) => kind === 'proxy')
    .map(({ name }) => {
      const { value, low, high, rounds: count } = relativeChange(gaps(direct.name), gaps(name));
      return { path: name, cut: { value: -value, low: -high, high: -low, rounds: count } };
    });
}

async function failoverRound(run: ProveRun, plan: FailoverPlan): Promise<AvailabilityRound> {
  const { paths, control, signal } = run;
  const table = `${control.schema}.prove_rows`;
  await control.query(`DROP TABLE IF EXISTS ${table}`);
  // No key, so that a row that was written twice exists twice.
  await control.query(`CREATE TABLE ${table} (lane text NOT NULL, id int NOT NULL)`);
  const loads = paths.map(
    ({ name, url }) =>
      new FailoverLoad({
        name,
        url,
        table,
        connections: plan.connections,
        patienceMs: plan.patienceMs,
        retries: true,
      }),
  );
  const idle = await Promise.all(paths.map((path) => IdleClients.connect(path, plan.idleClients)));
  try {
    await connectAll(loads, signal);
    const startedAt = Date.now();
    for (const load of loads) load.start(plan.writesPerSecond, plan.readsPerSecond);
    await delay(quietMs, undefined, { signal });
    const facts = await plan.start();
    await untilServed(run, plan, loads, facts.faultAt);
    await Promise.all(loads.map((load) => load.stop()));
    const slots = Math.ceil((Date.now() - startedAt) / slotMs);
    const lanes: AvailabilityLane[] = [];
    for (const [at, load] of loads.entries())
      lanes.push(await judgeLane(run, load, idle[at], facts, startedAt, slots));
    return {
      faultAtMs: facts.faultAt - startedAt,
      promotionMs: facts.promotedAt === null ? null : facts.promotedAt - facts.faultAt,
      lanes,
    };
  } finally {
    await Promise.all(loads.map((load) => load.end()));
    await Promise.all(idle.map((clients) => clients.end()));
  }
}

async function connectAll(loads: readonly FailoverLoad[], signal: AbortSignal): Promise<void> {
  const gaveUp = new AbortController();
  try {
    await Promise.race([
      Promise.all(loads.map((load) => load.connect())),
      delay(20_000, undefined, { signal: AbortSignal.any([signal, gaveUp.signal]) }).then(() => {
        throw new Error('the clients of the failover could not connect within 20 s');
      }),
    ]);
  } finally {
    gaveUp.abort();
  }
}

/** Waits until the failover is over: all paths have worked for a while, after an outage if one is required. */
async function untilServed(
  run: ProveRun,
  plan: FailoverPlan,
  loads: readonly FailoverLoad[],
  faultAt: number,
): Promise<void> {
  const deadline = Date.now() + plan.timeoutMs;
  for (;;) {
    run.signal.throwIfAborted();
    const now = Date.now();
    const isSteady = loads.every((load) => now - steadySince(load, faultAt, now) >= plan.settleMs);
    const hadOutage = loads.some((load) => hasOutage(load, faultAt, now));
    if (isSteady && (hadOutage || !plan.needsOutage)) return;
    if (now > deadline) {
      const seen = hadOutage ? 'not all paths were served again' : 'no failover was seen';
      run.progress.note(
        `within ${plan.timeoutMs / 1000} s ${seen}; continuing with the results so far`,
      );
      return;
    }
    await delay(50);
  }
}

/** The time since which writes have succeeded without a pause or an error. */
function steadySince({ outcomes }: FailoverLoad, faultAt: number, now: number): number {
  let since = faultAt;
  let last = faultAt;
  for (const { kind, answered, error } of outcomes) {
    if (kind !== 'write' || answered < faultAt) continue;
    if (error !== null || answered - last > outageMs) since = answered;
    last = Math.max(last, answered);
  }
  return now - last > outageMs ? now : since;
}

function hasOutage(load: FailoverLoad, faultAt: number, now: number): boolean {
  return (
    load.outcomes.some(({ answered, error }) => answered >= faultAt && error !== null) ||
    steadySince(load, faultAt, now) > faultAt
  );
}

async function judgeLane(
  run: ProveRun,
  load: FailoverLoad,
  idle: IdleClients | undefined,
  { promotedAt }: FailoverFacts,
  startedAt: number,
  slots: number,
): Promise<AvailabilityLane> {
  const { outcomes } = load;
  const rows = await run.control.query<{ id: number; count: number }>(
    `SELECT id, count(*)::int AS count FROM ${load.table} WHERE lane = $1 GROUP BY id`,
    [load.name],
  );
  const after =
    promotedAt === null
      ? []
      : outcomes
          .filter((outcome) => isAcknowledged(outcome) && outcome.answered >= promotedAt)
          .map(({ answered }) => answered - promotedAt);
  return {
    path: load.name,
    gapMs: longestGap(outcomes, 'write').gap,
    readGapMs: longestGap(outcomes, 'read').gap,
    afterPromotionMs: after.length === 0 ? null : Math.min(...after),
    writes: judgeKind(outcomes, 'write'),
    reads: judgeKind(outcomes, 'read'),
    rows: judgeRows(load, new Map(rows.map(({ id, count }) => [id, count]))),
    idle: (await idle?.query()) ?? { clients: 0, survived: 0, lost: 0 },
    timeline: timeline(outcomes, startedAt, slots),
  };
}

/** The median of the longest gaps of a path over all rounds, in milliseconds. */
export function medianGap({ rounds }: Availability, path: string): number {
  return median(
    rounds.flatMap(({ lanes }) =>
      lanes.filter((lane) => lane.path === path).map(({ gapMs }) => gapMs),
    ),
  );
}

/** Clients that are connected and idle while the database fails over. */
class IdleClients {
  readonly #clients: Client[] = [];
  readonly #lost = new Set<Client>();

  static async connect(path: DatabasePath, count: number): Promise<IdleClients> {
    const self = new IdleClients();
    await inBatches(Array.from({ length: count }), 8, async () => {
      const client = new Client({ connectionString: path.url(), connectionTimeoutMillis: 10_000 });
      client.on('error', () => self.#lost.add(client));
      await client.connect();
      self.#clients.push(client);
    });
    return self;
  }

  /** Sends a query on each. */
  async query(): Promise<AvailabilityLane['idle']> {
    const answers = await Promise.allSettled(
      this.#clients.map((client) =>
        Promise.race([
          client.query('SELECT 1'),
          delay(10_000, undefined, { ref: false }).then(() => {
            throw new Error('no answer');
          }),
        ]),
      ),
    );
    const survived = answers.filter(({ status }) => status === 'fulfilled').length;
    return { clients: this.#clients.length, survived, lost: this.#clients.length - survived };
  }

  async end(): Promise<void> {
    await Promise.all(
      this.#clients.map((client) =>
        Promise.race([client.end().catch(() => undefined), delay(1000, undefined, { ref: false })]),
      ),
    );
  }
}
