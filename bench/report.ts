import { judge, ratioOf } from './aims.ts';
import type { Outcome } from './aims.ts';
import { targetNames } from './results.ts';
import type { BenchResult, IdleResult, LoadResult, Round, TargetName } from './results.ts';
import { median } from '@sluice/prove/statistics';

/** The final output: medians over the rounds, and ratios to PgBouncer in the same rounds. */
export function formatReport(result: BenchResult): string {
  const { machine, failures } = result;
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const sections = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.kernel}; ${versions.join(', ')}\n` +
      `pool of ${result.poolSize}, ${result.seconds} s each, SCRAM with ${result.scramIterations} iterations, load average before the run ${machine.loadBefore.toFixed(2)}`,
    result.load.length === 0 ? '' : formatTable(loadHeader, result.load.flatMap(loadRows)),
    result.idle.length === 0 ? '' : formatTable(idleHeader, result.idle.flatMap(idleRows)),
    judge(result).map(formatOutcome).join('\n'),
    failures.map((failure) => `failed: ${failure}`).join('\n'),
  ];
  return sections.filter((section) => section !== '').join('\n\n');
}

const loadHeader = 'case|target|tps|× PgB|p50 ms|p99 ms|CPU µs|× PgB'.split('|');

function loadRows(load: LoadResult): string[][] {
  return targetNames.flatMap((target) => {
    const rounds = load.rounds[target];
    if (rounds === undefined) return [];
    const middle = (measure: keyof Round): number =>
      median(rounds.flatMap((round) => round?.[measure] ?? []));
    const ratio = (measure: 'tps' | 'cpuMicros'): string =>
      formatNumber(ratioOf(load, measure, target, 'pgbouncer'), 2);
    return [
      [
        load.name,
        target,
        formatNumber(middle('tps'), 0),
        ratio('tps'),
        formatNumber(middle('p50'), 2),
        formatNumber(middle('p99'), 2),
        formatNumber(middle('cpuMicros'), 1),
        ratio('cpuMicros'),
      ],
    ];
  });
}

const idleHeader = 'case|target|clients|RSS MB|bytes each|× PgB'.split('|');

function idleRows({ name, steps }: IdleResult): string[][] {
  const other = (clients: number): number =>
    steps.pgbouncer?.find((step) => step.clients === clients)?.bytesPerClient ?? Number.NaN;
  return targetNames.flatMap((target: TargetName) =>
    (steps[target] ?? []).map(({ clients, rss, bytesPerClient }) => [
      name,
      target,
      String(clients),
      formatNumber(rss / 1e6, 1),
      String(bytesPerClient),
      formatNumber(bytesPerClient / other(clients), 2),
    ]),
  );
}

function formatOutcome({ aim, value, reached }: Outcome): string {
  const verdict = reached ? 'reached' : 'MISSED ';
  if ('atLeast' in aim) {
    const { name, target, against, atLeast } = aim;
    return `${verdict} ${name}: ${target} has ${value.toFixed(2)} times the tps of ${against} (aim: ${atLeast})`;
  }
  if ('atMost' in aim) {
    const { name, target, measure, against, atMost } = aim;
    const words = measure === 'cpuMicros' ? 'CPU time' : measure;
    return `${verdict} ${name}: ${target} has ${value.toFixed(2)} times the ${words} of ${against} (aim: at most ${atMost})`;
  }
  return `${verdict} ${aim.name}: ${aim.target} takes ${value} bytes a client (aim: at most ${aim.atMostBytes})`;
}

function formatNumber(value: number, decimals: number): string {
  return Number.isFinite(value) ? value.toFixed(decimals) : '-';
}

/** A table whose columns are as wide as necessary; text is left-aligned, numbers are right-aligned. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return column < 2 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
