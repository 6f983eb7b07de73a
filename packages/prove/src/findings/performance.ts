import { formatMs, formatNumber, formatShare, listed } from '../report/format.ts';
import type { DatabaseCost, Finding, Load, Report } from '../report/schema.ts';
import { difference, median, relativeChange } from '../statistics/index.ts';
import { capital, findingOf } from './of-estimate.ts';
import { kindOf } from './scalability.ts';

const claim = 'performance';

/** The findings about the loads: each proxy compared with the direct path. */
export function performanceFindings(report: Report): Finding[] {
  const { performance, paths } = report;
  if (performance === undefined) return [];
  const direct = paths.find(({ kind }) => kind === 'direct')?.name;
  const findings = [...performance.steady, ...performance.connecting].flatMap(overrunOf);
  for (const { name } of paths.filter(({ kind }) => kind === 'proxy')) {
    if (direct === undefined) continue;
    for (const [before, after] of highest(performance.steady, direct, name))
      findings.push(...latencyFindings(name, before, after, true));
    for (const [before, after] of lowest(performance.steady, direct, name))
      findings.push(...latencyFindings(name, before, after, false));
    for (const [before, after] of highest(performance.connecting, direct, name))
      findings.push(...loginFindings(name, before, after));
    for (const pattern of ['pool', 'per-transaction'] as const)
      findings.push(...costFindings(performance.database, pattern, direct, name));
  }
  if (direct === undefined) findings.push(...aloneFindings(report));
  return findings;
}

type Pair = readonly [before: Load, after: Load];

/** Pairs of loads at the same rate, which both paths handled. */
function pairs(loads: readonly Load[], direct: string, proxy: string): Pair[] {
  const of = (path: string): Load[] =>
    loads.filter((load) => load.path === path && load.rounds.every((round) => !round.isOverrun));
  return of(direct).flatMap((before) => {
    const after = of(proxy).find(({ rate }) => rate === before.rate);
    return after === undefined ? [] : [[before, after] as const];
  });
}

function lowest(loads: readonly Load[], direct: string, proxy: string): Pair[] {
  const all = pairs(loads, direct, proxy);
  return all.length > 1 ? all.slice(0, 1) : [];
}

function highest(loads: readonly Load[], direct: string, proxy: string): Pair[] {
  return pairs(loads, direct, proxy).slice(-1);
}

function overrunOf({ path, rate, rounds }: Load): Finding[] {
  const overrun = rounds.filter(({ isOverrun }) => isOverrun);
  if (overrun.length === 0) return [];
  const reached = median(overrun.map(({ throughput }) => throughput));
  const generator = overrun.find((round) => round.generator.limit !== null)?.generator.limit;
  return [
    {
      claim,
      kind: generator == null ? 'measured' : 'caveat',
      isHeadline: true,
      sentence:
        generator == null
          ? `${capital(path)} did not keep up with ${formatNumber(rate)}/s: it reached ${formatNumber(reached)}/s.`
          : `${capital(path)} did not keep up with ${formatNumber(rate)}/s, but ${generator}: that may not be the limit of the path.`,
    },
  ];
}

function latencyFindings(proxy: string, before: Load, after: Load, isHeadline: boolean): Finding[] {
  return (['p50', 'p99'] as const).map((percentile) => {
    const of = (load: Load): (number | undefined)[] =>
      load.rounds.map(({ latency }) => latency?.[percentile]);
    const estimate = difference(of(before), of(after));
    const adds = estimate.value >= 0 ? 'adds' : 'saves';
    return findingOf(claim, estimate, {
      what: `the ${percentile} at ${formatNumber(before.rate)}/s through ${proxy} and directly`,
      measured: (interval) =>
        `at ${formatNumber(before.rate)}/s ${proxy} ${adds} ${formatMs(Math.abs(estimate.value))} at ${percentile} (${interval}); directly it is ${formatMs(median(defined(of(before))))}`,
      isHeadline,
      format: formatMs,
    });
  });
}

function loginFindings(proxy: string, before: Load, after: Load): Finding[] {
  return (['p50', 'p99'] as const).map((percentile) => {
    const of = (load: Load): (number | undefined)[] =>
      load.rounds.map(({ connect }) => connect?.[percentile]);
    const estimate = relativeChange(of(before), of(after));
    const [a, b] = [median(defined(of(before))), median(defined(of(after)))];
    return findingOf(claim, estimate, {
      what: `logins at ${formatNumber(before.rate)}/s through ${proxy} and directly, at ${percentile}`,
      measured: (interval) =>
        `a login takes ${formatMs(b)} at ${percentile} through ${proxy}, and ${formatMs(a)} directly: ${signed(estimate.value)} (${interval})`,
      isHeadline: percentile === 'p50',
      format: signed,
    });
  });
}

function costFindings(
  database: readonly DatabaseCost[],
  pattern: DatabaseCost['pattern'],
  direct: string,
  proxy: string,
): Finding[] {
  const of = (path: string): DatabaseCost | undefined =>
    database.find((cost) => cost.path === path && cost.pattern === pattern);
  const [before, after] = [of(direct), of(proxy)];
  if (before === undefined || after === undefined) return [];
  const load = pattern === 'pool' ? 'on a kept connection' : 'on a new connection';
  const findings: Finding[] = [];
  if (before.cpuMicros.length > 0 && after.cpuMicros.length > 0) {
    const estimate = relativeChange(before.cpuMicros, after.cpuMicros);
    findings.push(
      findingOf(claim, estimate, {
        what: `the database’s CPU time for a transaction ${load}, through ${proxy} and directly`,
        measured: (interval) =>
          `a transaction ${load} costs the database ${formatMicros(median(after.cpuMicros))} of CPU through ${proxy}, and ${formatMicros(median(before.cpuMicros))} directly: ${signed(estimate.value)} (${interval})`,
        isHeadline: pattern === 'per-transaction',
        format: signed,
      }),
    );
  }
  const [sessions, shared] = [before, after].map(
    ({ perTransaction }) => perTransaction['sessions'],
  );
  if (pattern === 'per-transaction' && sessions !== undefined && shared !== undefined) {
    findings.push({
      claim,
      kind: 'measured',
      isHeadline: false,
      sentence: `The database opened ${formatNumber(shared)} sessions per transaction through ${proxy}, and ${formatNumber(sessions)} directly.`,
    });
  }
  return findings;
}

/** The findings without a direct path to compare with: the numbers of each path. */
function aloneFindings({ performance, paths }: Report): Finding[] {
  return paths.flatMap(({ name, kind }) => {
    const load =
      performance?.steady.findLast((each) => each.path === name) ??
      performance?.connecting.findLast((each) => each.path === name);
    if (load?.latency == null || kindOf(paths, name) !== kind) return [];
    const { p50, p99 } = load.latency;
    return [
      {
        claim,
        kind: 'measured' as const,
        isHeadline: true,
        sentence: `At ${formatNumber(load.rate)}/s the path ${name} answers within ${listed([`${formatMs(p50)} at p50`, `${formatMs(p99)} at p99`])}.`,
      },
    ];
  });
}

function defined(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined);
}

function signed(share: number): string {
  return `${share > 0 ? '+' : ''}${formatShare(share)}`;
}

function formatMicros(micros: number): string {
  return micros >= 1000 ? formatMs(micros / 1000) : `${formatNumber(Math.round(micros))} µs`;
}
