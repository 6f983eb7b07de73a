import { setTimeout as delay } from 'node:timers/promises';
import type { FailoverKind, Postgres } from '@sluice/testkit';
import {
  FailoverLoad,
  heldMs,
  isAcknowledged,
  judgeRows,
  longestGap,
  timeline,
} from '@sluice/prove/availability';
import { DnsName } from '@sluice/prove/stage';
import type { Stage } from './stage.ts';

/** The measurements of one lane during one failover. Times in milliseconds. */
export interface LaneResult {
  /** The longest time between two successful writes. */
  readonly gap: number;
  /** From the moment at which the new primary accepted writes to the first successful write. */
  readonly afterPromotion: number;
  /** Failed requests, by error. */
  readonly failed: Readonly<Record<string, number>>;
  /** Successful requests that took longer than 100 ms. */
  readonly held: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly twice: number;
  /** Successful writes in each 100 ms, from 2 s before the fault. */
  readonly series: readonly number[];
}

/** One failover under load. */
export interface RoundResult {
  readonly kind: FailoverKind;
  /** From the fault to the moment at which the new primary accepts writes: the database's own share. */
  readonly promotion: number;
  /** From the fault until the proxy was certain. */
  readonly detection: number | null;
  readonly direct: LaneResult;
  readonly sluice: LaneResult;
}

/** Runs the load with one failover, and counts the outcome of every row. */
export async function runRound({ lab }: Stage, kind: FailoverKind): Promise<RoundResult> {
  const { cluster, proxy } = lab;
  await cluster.primary.query('TRUNCATE rows');
  const name = new DnsName(cluster.primary);
  const common = { connections: 20, table: 'rows' };
  const direct = new FailoverLoad({
    ...common,
    name: 'direct',
    url: () => lab.directUrl(name.resolve()),
  });
  const proxied = new FailoverLoad({ ...common, name: 'sluice', url: () => lab.proxyUrl });
  await Promise.all([direct.connect(), proxied.connect()]);
  const lanes = [direct, proxied];
  for (const lane of lanes) lane.start(200, 500);
  await delay(2000);

  const { faultAt, promotedAt, former } = await lab.failOver(kind, (standby) => {
    name.record = standby;
  });
  const isServed = ({ outcomes }: FailoverLoad): boolean =>
    outcomes.some((outcome) => isAcknowledged(outcome) && outcome.answered >= promotedAt);
  while (!lanes.every(isServed)) await delay(20);
  await delay(1000);
  await Promise.all(lanes.map((lane) => lane.stop()));
  await Promise.all(lanes.map((lane) => lane.end()));
  const failover = await proxy.failoverSince(faultAt);
  const judge = (lane: FailoverLoad): Promise<LaneResult> =>
    judgeLane(lane, cluster.primary, faultAt, promotedAt);
  const result = {
    kind,
    promotion: promotedAt - faultAt,
    detection: failover === null ? null : Date.parse(failover.detectedAt) - faultAt,
    direct: await judge(direct),
    sluice: await judge(proxied),
  };
  await lab.repair(former);
  return result;
}

async function judgeLane(
  lane: FailoverLoad,
  primary: Postgres,
  faultAt: number,
  promotedAt: number,
): Promise<LaneResult> {
  const { outcomes } = lane;
  const failed: Record<string, number> = {};
  for (const { kind, error } of outcomes)
    if (error !== null) failed[`${kind} ${error}`] = (failed[`${kind} ${error}`] ?? 0) + 1;
  const rows = await primary.query<{ id: number; count: number }>(
    'SELECT id, count(*)::int AS count FROM rows WHERE lane = $1 GROUP BY id',
    [lane.name],
  );
  const { acknowledged, lost, doubled } = judgeRows(
    lane,
    new Map(rows.map(({ id, count }) => [id, count])),
  );
  const first = Math.min(
    ...outcomes
      .filter((outcome) => isAcknowledged(outcome) && outcome.answered >= promotedAt)
      .map(({ answered }) => answered),
  );
  return {
    gap: longestGap(outcomes, 'write').gap,
    afterPromotion: first - promotedAt,
    failed,
    held: outcomes.filter(
      ({ error, asked, answered }) => error === null && answered - asked > heldMs,
    ).length,
    acknowledged,
    lost,
    twice: doubled,
    series: timeline(outcomes, faultAt - 2000, 100),
  };
}
