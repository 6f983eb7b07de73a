import { formatMs, formatNumber } from '../report/format.ts';
import type { Load, Report } from '../report/schema.ts';
import { colorOf } from './colors.ts';
import { html } from './markup.ts';
import type { Content, Markup } from './markup.ts';
import { plotFigure } from './plot.ts';
import type { Series } from './plot.ts';
import { table } from './table.ts';

const percentile = {
  label: 'percentile',
  scale: 'percentile',
  format: (value: number) => String(value),
} as const;
const ms = { label: 'ms', scale: 'log' } as const;

/** The loads: latency by percentile and by rate, logins, and the work of the database. */
export function performanceSection(report: Report): Markup | null {
  const { performance } = report;
  if (performance === undefined) return null;
  const { steady, connecting, database, clients, secondsPerRound } = performance;
  return html`<p>
      ${formatNumber(clients)} clients on each path; each round takes
      ${formatNumber(secondsPerRound)} s. Latency counts from the moment a transaction was due, so
      whatever waits behind a slow one is seen to wait (no coordinated omission).
    </p>
    <div class="plots">
      ${rates(steady).map((rate) => percentilePlot(report, steady, rate, `Latency by percentile at ${formatNumber(rate)}/s`, ({ curve }) => curve))}
      ${roundsPlot(report, steady, 'p50')} ${roundsPlot(report, steady, 'p99')}
      ${rates(connecting)
        .slice(-1)
        .map((rate) =>
          percentilePlot(
            report,
            connecting,
            rate,
            `Login by percentile at ${formatNumber(rate)} per second`,
            ({ connectCurve }) => connectCurve,
          ),
        )}
    </div>
    ${
      steady.length === 0
        ? null
        : html`<h3>Kept connections</h3>
            ${loadTable('Steady load', steady, false)}`
    }
    ${
      connecting.length === 0
        ? null
        : html`<h3>A new connection for each transaction</h3>
            ${loadTable('Load with a new connection for each transaction', connecting, true)}`
    }
    ${databaseTable(database)}`;
}

function rates(loads: readonly Load[]): number[] {
  return [...new Set(loads.map(({ rate }) => rate))];
}

function percentilePlot(
  report: Report,
  loads: readonly Load[],
  rate: number,
  title: string,
  curve: (load: Load) => Load['curve'],
): Markup | null {
  return plotFigure({
    title,
    note: 'All rounds together.',
    x: percentile,
    y: ms,
    series: loads
      .filter((load) => load.rate === rate)
      .map((load) => ({ name: load.path, color: colorOf(report, load.path), points: curve(load) })),
  });
}

/** One dot per round, which shows the noise, and a line through the medians. */
function roundsPlot(report: Report, loads: readonly Load[], key: 'p50' | 'p99'): Markup | null {
  const paths = [...new Set(loads.map(({ path }) => path))];
  const series = paths.map((path): Series => {
    const points = loads
      .filter((load) => load.path === path)
      .flatMap(({ rate, rounds }) =>
        rounds.flatMap(({ latency }): [number, number][] =>
          latency === null ? [] : [[rate, latency[key]]],
        ),
      );
    return { name: path, color: colorOf(report, path), isDots: true, points };
  });
  return plotFigure({
    title: `${key} by rate`,
    note: 'Each round is a dot; their spread is the noise.',
    x: { label: 'transactions per second', scale: 'linear', format: formatNumber },
    y: ms,
    series,
  });
}

function loadTable(label: string, loads: readonly Load[], hasLogins: boolean): Markup {
  return table(
    label,
    [
      'path',
      'due',
      'answered',
      'p50',
      'p90',
      'p99',
      'p99.9',
      'longest',
      ...(hasLogins ? ['login p50', 'login p99'] : []),
      'failed',
      'not answered',
      'generator',
    ],
    loads.map(({ path, rate, rounds, latency, connectCurve }): Content[] => {
      const sum = (pick: (round: Load['rounds'][number]) => number): number =>
        rounds.reduce((total, round) => total + pick(round), 0);
      const login = (at: number): string => {
        const point = connectCurve.findLast(([place]) => place <= at);
        return point === undefined ? '–' : formatMs(point[1]);
      };
      const limit = rounds.find(({ generator }) => generator.limit !== null)?.generator.limit;
      return [
        path,
        `${formatNumber(rate)}/s`,
        `${formatNumber(sum(({ throughput }) => throughput) / Math.max(1, rounds.length))}/s`,
        ...(latency === null
          ? ['–', '–', '–', '–', '–']
          : [
              formatMs(latency.p50),
              formatMs(latency.p90),
              formatMs(latency.p99),
              latency.p999 === null ? 'too few' : formatMs(latency.p999),
              formatMs(latency.max),
            ]),
        ...(hasLogins ? [login(50), login(99)] : []),
        formatNumber(
          sum(({ failed }) => Object.values(failed).reduce((total, count) => total + count, 0)),
        ),
        formatNumber(sum(({ unanswered }) => unanswered)),
        limit ?? 'had room',
      ];
    }),
    [hasLogins ? 12 : 10],
  );
}

function databaseTable(database: NonNullable<Report['performance']>['database']): Markup | null {
  if (database.length === 0) return null;
  const names = [...new Set(database.flatMap(({ perTransaction }) => Object.keys(perTransaction)))];
  return html`<h3>Work of the database per transaction</h3>
    <p class="soft">
      Counters of the whole database (pg_stat_database, and pg_stat_statements where it is
      installed) divided by the transactions of the load; they include the work of other clients.
    </p>
    ${table(
      'Work of the database per transaction',
      [
        'counter',
        ...database.map(
          ({ path, pattern, rate }) =>
            `${path}, ${pattern === 'pool' ? 'kept' : 'one each'}, ${formatNumber(rate)}/s`,
        ),
      ],
      [
        [
          'CPU time, µs',
          ...database.map(({ cpuMicros }) =>
            cpuMicros.length === 0
              ? 'not local'
              : cpuMicros.map((micros) => formatNumber(Math.round(micros))).join(' · '),
          ),
        ],
        ...names.map((name) => [
          name,
          ...database.map(({ perTransaction }) => {
            const value = perTransaction[name];
            return value === undefined ? '–' : formatNumber(value);
          }),
        ]),
      ],
    )}`;
}
