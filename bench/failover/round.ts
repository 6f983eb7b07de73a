import { setTimeout as delay } from 'node:timers/promises';
import { failOver, mend } from '@sluice/lab';
import type { FailoverKind, FailoverMeans, Postgres } from '@sluice/lab';
import { Client } from 'pg';
import { Lane } from './lane.ts';
import type { Outcome } from './lane.ts';
import type { Stage } from './stage.ts';

/** How long a client keeps an address before it asks DNS again, in milliseconds. */
const timeToLive = 5000;

/** What one lane saw of one fail-over. Times in milliseconds. */
export interface LaneResult {
  /** The longest time between two writes that succeeded. */
  readonly gap: number;
  /** From the moment at which the new primary took writes to the first write that succeeded. */
  readonly afterPromotion: number;
  /** Requests that failed, by error. */
  readonly failed: Readonly<Record<string, number>>;
  /** Requests that succeeded and took longer than 100 ms. */
  readonly held: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly twice: number;
  /** Writes that succeeded in each 100 ms from 2 s before the fault. */
  readonly series: readonly number[];
}

/** One fail-over under load. */
export interface RoundResult {
  readonly kind: FailoverKind;
  /** From the fault to the moment at which the new primary takes writes: the database's own part. */
  readonly promotion: number;
  /** From the fault until the proxy was certain. */
  readonly detection: number | null;
  readonly direct: LaneResult;
  readonly sluice: LaneResult;
}

/** Runs the load, one fail-over in it, and counts what became of every row. */
export async function runRound(stage: Stage, kind: FailoverKind): Promise<RoundResult> {
  const { cluster, daemon } = stage;
  await cluster.primary.query('TRUNCATE rows');
  // DNS says who is the primary; a client believes what it was last told for the time to live.
  let record = cluster.primary;
  let known: Postgres = record;
  let askedAt = Date.now() - Math.random() * timeToLive;
  const direct = new Lane(
    'direct',
    () => {
      if (Date.now() - askedAt >= timeToLive) {
        known = record;
        askedAt = Date.now();
      }
      return stage.directUrl(known);
    },
    20,
  );
  const proxied = new Lane('sluice', () => stage.proxyUrl, 20);
  await Promise.all([direct.connect(), proxied.connect()]);
  const lanes = [direct, proxied];
  for (const lane of lanes) lane.start(200, 500);
  await delay(2000);

  const [standby] = cluster.standbys;
  if (standby === undefined) throw new Error('the cluster has lost its standby');
  const means: FailoverMeans = {
    network: (server) => stage.network(server),
    pause: async () => {
      while ((await daemon.ask('POST', '/pause'))['quiet'] !== true) await delay(2);
    },
    resume: async () => {
      await daemon.ask('POST', '/resume');
    },
  };
  const faultAt = Date.now();
  const [former, promotedAt] = await Promise.all([
    failOver(cluster, kind, means),
    takesWrites(standby).then((at) => {
      record = standby;
      return at;
    }),
  ]);
  while (!lanes.every((lane) => lane.outcomes.some((outcome) => isWriteAfter(outcome, promotedAt))))
    await delay(20);
  await delay(1000);
  await Promise.all(lanes.map((lane) => lane.stop()));
  await Promise.all(lanes.map((lane) => lane.end()));
  const story = await daemon.storySince(faultAt);
  const judge = (lane: Lane): Promise<LaneResult> => judgeLane(lane, standby, faultAt, promotedAt);
  const result = {
    kind,
    promotion: promotedAt - faultAt,
    detection: story === null ? null : Date.parse(story.detectedAt) - faultAt,
    direct: await judge(direct),
    sluice: await judge(proxied),
  };
  await mend(cluster, former, stage.network(former));
  return result;
}

function isWriteAfter({ kind, error, answered }: Outcome, at: number): boolean {
  return kind === 'write' && error === null && answered >= at;
}

/** When the standby stops to be one, to some milliseconds. */
async function takesWrites(standby: Postgres): Promise<number> {
  const client = new Client({ connectionString: standby.url });
  await client.connect();
  for (;;) {
    const { rows } = await client.query<{ standby: boolean }>(
      'SELECT pg_is_in_recovery() AS standby',
    );
    if (rows[0]?.standby === false) break;
    await delay(2);
  }
  const at = Date.now();
  await client.end();
  return at;
}

async function judgeLane(
  lane: Lane,
  primary: Postgres,
  faultAt: number,
  promotedAt: number,
): Promise<LaneResult> {
  const writes = lane.outcomes.filter(({ kind, error }) => kind === 'write' && error === null);
  const times = writes.map(({ answered }) => answered).sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, at) => time - (times[at] ?? time));
  const failed: Record<string, number> = {};
  for (const { kind, error } of lane.outcomes)
    if (error !== null) failed[`${kind} ${error}`] = (failed[`${kind} ${error}`] ?? 0) + 1;
  const rows = await primary.query<{ id: number; count: number }>(
    'SELECT id, count(*)::int AS count FROM rows WHERE lane = $1 GROUP BY id',
    [lane.name],
  );
  const kept = new Map(rows.map(({ id, count }) => [id, count]));
  const first = times.find((time) => time >= promotedAt) ?? Infinity;
  const series = Array.from({ length: 100 }, () => 0);
  for (const time of times) {
    const at = Math.floor((time - faultAt + 2000) / 100);
    if (at >= 0 && at < series.length) series[at] = (series[at] ?? 0) + 1;
  }
  return {
    gap: Math.max(...gaps),
    afterPromotion: first - promotedAt,
    failed,
    held: lane.outcomes.filter(
      ({ error, asked, answered }) => error === null && answered - asked > 100,
    ).length,
    acknowledged: writes.length,
    lost: writes.filter(({ id }) => !kept.has(id)).length,
    twice: [...kept.values()].filter((count) => count > 1).length,
    series,
  };
}
