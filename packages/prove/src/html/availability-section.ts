import { medianGap } from '../claims/availability.ts';
import { failureText } from '../report/error-names.ts';
import { formatMs, formatNumber } from '../report/format.ts';
import type { AvailabilityLane, AvailabilityRound, Report } from '../report/schema.ts';
import { colorOf } from './colors.ts';
import { html } from './markup.ts';
import type { Markup } from './markup.ts';
import { plotFigure } from './plot.ts';
import { table } from './table.ts';

/** The failovers: a timeline, and the outcomes of requests, rows and idle clients. */
export function availabilitySection(report: Report): Markup | null {
  const { availability, paths } = report;
  if (availability === undefined || availability.rounds.length === 0) return null;
  const lead = paths.find(({ kind }) => kind === 'proxy')?.name ?? paths[0]?.name ?? '';
  const median = medianGap(availability, lead);
  const distance = (round: AvailabilityRound): number =>
    Math.abs((round.lanes.find(({ path }) => path === lead)?.gapMs ?? Infinity) - median);
  const shown = availability.rounds.toSorted((a, b) => distance(a) - distance(b))[0];
  const number = shown === undefined ? 0 : availability.rounds.indexOf(shown) + 1;
  const lanes = paths.flatMap(({ name }) =>
    availability.rounds.flatMap((round, at) =>
      round.lanes.filter(({ path }) => path === name).map((lane) => ({ lane, round: at })),
    ),
  );
  return html`<p>
      Failover: ${availability.trigger}. ${formatNumber(availability.writesPerSecond)} numbered
      writes and ${formatNumber(availability.readsPerSecond)} reads per second on each path at the
      same time.
    </p>
    ${shown === undefined ? null : timelinePlot(report, shown, number)}
    ${table(
      'Outcome of the requests',
      [
        'path',
        'round',
        'longest gap, writes',
        'reads',
        'after promotion',
        'writes failed',
        'held',
        'retried',
        'reads failed',
        'held',
        'retried',
        'errors',
      ],
      lanes.map(({ lane, round }) => requestRow(lane, round)),
      [11],
    )}
    ${table(
      'Rows and idle clients',
      ['path', 'round', 'rows acknowledged', 'lost', 'doubled', 'idle clients', 'survived'],
      lanes.map(({ lane, round }) => rowsRow(lane, round)),
    )}
    <p class="soft">
      The database’s own promotion took
      ${availability.rounds.map(({ promotionMs }) => (promotionMs === null ? 'an unknown time' : formatMs(promotionMs))).join(', ')}.
    </p>`;
}

function requestRow(lane: AvailabilityLane, round: number): string[] {
  const { writes, reads } = lane;
  const errors = [
    ...(countOf(writes.failed) > 0 ? [`writes: ${failureText(writes.failed)}`] : []),
    ...(countOf(reads.failed) > 0 ? [`reads: ${failureText(reads.failed)}`] : []),
  ];
  return [
    lane.path,
    String(round + 1),
    formatMs(lane.gapMs),
    formatMs(lane.readGapMs),
    lane.afterPromotionMs === null ? '–' : formatMs(lane.afterPromotionMs),
    formatNumber(countOf(writes.failed)),
    formatNumber(writes.held),
    formatNumber(writes.retried),
    formatNumber(countOf(reads.failed)),
    formatNumber(reads.held),
    formatNumber(reads.retried),
    errors.join('; ') || 'none',
  ];
}

function rowsRow({ path, rows, idle }: AvailabilityLane, round: number): string[] {
  return [
    path,
    String(round + 1),
    formatNumber(rows.acknowledged),
    formatNumber(rows.lost),
    formatNumber(rows.doubled),
    formatNumber(idle.clients),
    formatNumber(idle.survived),
  ];
}

function countOf(failed: Readonly<Record<string, number>>): number {
  return Object.values(failed).reduce((sum, count) => sum + count, 0);
}

function timelinePlot(report: Report, round: AvailabilityRound, number: number): Markup | null {
  const { faultAtMs, promotionMs, lanes } = round;
  return plotFigure({
    title: `A failover, second by second (round ${number})`,
    note: 'Writes acknowledged per 100 ms; the burst after the gap is the requests that waited.',
    x: { label: 'seconds since the failover', scale: 'linear' },
    y: { label: 'writes per 100 ms', scale: 'linear' },
    marks: [
      { x: 0, label: 'failover' },
      ...(promotionMs === null ? [] : [{ x: promotionMs / 1000, label: 'new primary' }]),
    ],
    series: lanes.map(({ path, timeline }) => ({
      name: path,
      color: colorOf(report, path),
      points: timeline.map((count, slot): [number, number] => [
        Number(((slot * 100 - faultAtMs) / 1000).toFixed(2)),
        count,
      ]),
    })),
  });
}
