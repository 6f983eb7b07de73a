import { median } from '@sluice/prove/statistics';
import type { LaneResult, RoundResult } from './round.ts';

/** One call of the benchmark. */
export interface Run {
  readonly rounds: readonly RoundResult[];
  /** The outcomes of the idle clients in all its rounds; null if it was interrupted. */
  readonly idle: {
    readonly clients: number;
    readonly answered: number;
    readonly errors: number;
  } | null;
}

/** A line about the idle clients of all runs. */
export function idleOf(runs: readonly Run[]): string {
  const lines = runs.flatMap(({ idle }) =>
    idle === null
      ? []
      : [`${idle.answered} of ${idle.clients} answered, ${idle.errors} had an error`],
  );
  return `Idle clients after each run: ${lines.join('; ')}.`;
}

/** All failures of several rounds, by error. */
function failures(lanes: readonly LaneResult[]): string {
  const sums = new Map<string, number>();
  for (const { failed } of lanes)
    for (const [error, count] of Object.entries(failed))
      sums.set(error, (sums.get(error) ?? 0) + count);
  return [...sums].map(([error, count]) => `${count} ${error}`).join(', ') || 'none';
}

/** The table rows for one kind of failover. Times in milliseconds. */
function describeKind(rounds: readonly RoundResult[]): string[] {
  const row = (name: 'direct' | 'sluice'): string => {
    const lanes = rounds.map((round) => round[name]);
    const sum = (pick: (lane: LaneResult) => number): number =>
      lanes.reduce((total, lane) => total + pick(lane), 0);
    return (
      `| ${rounds[0]?.kind ?? ''} | ${name} | ${rounds.length} | ` +
      `${median(rounds.map(({ promotion }) => promotion))} | ` +
      `${name === 'sluice' ? median(rounds.map(({ detection }) => detection ?? Number.NaN)) : ''} | ` +
      `${median(lanes.map(({ afterPromotion }) => afterPromotion))} | ` +
      `${median(lanes.map(({ gap }) => gap))} | ${Math.max(...lanes.map(({ gap }) => gap))} | ` +
      `${sum(({ held }) => held)} | ${failures(lanes)} | ` +
      `${sum(({ acknowledged }) => acknowledged)} | ${sum(({ lost }) => lost)} | ${sum(({ twice }) => twice)} |`
    );
  };
  return [row('direct'), row('sluice')];
}

/** The table of all rounds, in Markdown. */
export function tableOf(rounds: readonly RoundResult[]): string {
  const kinds = [...new Set(rounds.map(({ kind }) => kind))];
  return [
    '| kind | lane | rounds | promotion | detection | after promotion | gap, median | gap, longest | held | failed | rows acknowledged | lost | twice |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...kinds.flatMap((kind) => describeKind(rounds.filter((round) => round.kind === kind))),
    '',
  ].join('\n');
}

/** Successful writes over time, for the round of each kind with the median gap; as SVG. */
export function plotOf(rounds: readonly RoundResult[]): string {
  const kinds = [...new Set(rounds.map(({ kind }) => kind))];
  const height = 90;
  const parts = kinds.flatMap((kind, row) => {
    const ofKind = rounds
      .filter((round) => round.kind === kind)
      .toSorted((a, b) => a.sluice.gap - b.sluice.gap);
    const round = ofKind[Math.floor(ofKind.length / 2)];
    if (round === undefined) return [];
    const top = row * height + 30;
    const line = (lane: LaneResult, color: string): string => {
      const points = lane.series.map(
        (count, at) => `${at * 8 + 10},${top + 50 - Math.min(count, 50)}`,
      );
      return `<polyline fill="none" stroke="${color}" points="${points.join(' ')}"/>`;
    };
    return [
      `<text x="10" y="${top - 6}">${kind}</text>`,
      `<line x1="170" x2="170" y1="${top}" y2="${top + 50}" stroke="#999" stroke-dasharray="3"/>`,
      line(round.direct, '#c60'),
      line(round.sluice, '#06c'),
    ];
  });
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="820" height="${kinds.length * height + 40}" font-family="sans-serif" font-size="12">` +
    '<text x="200" y="14">writes acknowledged in each 100 ms over 10 s; dashed: the fault; orange: direct, blue: through Sluice</text>' +
    `${parts.join('')}</svg>\n`
  );
}
