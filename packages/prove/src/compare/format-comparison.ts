import { formatBytes, formatMs, formatNumber, formatShare } from '../report/format.ts';
import type { Change, Comparison } from './compare-reports.ts';

/** A comparison as a table for a terminal. */
export function formatComparison({ changes, cautions, hasRegression }: Comparison): string {
  const rows = changes.map((change) => [
    `${change.path}: ${change.name}`,
    valueOf(change, change.before),
    valueOf(change, change.after),
    growthOf(change),
    change.verdict === 'regression' ? 'REGRESSION' : change.verdict,
  ]);
  const head = ['', 'before', 'after', 'change (95 % interval)', ''];
  const widths = head.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const lines = [head, ...rows].map((row) =>
    row
      .map((cell, at) =>
        at === 0 || at === 4 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  const regressions = changes.filter(({ verdict }) => verdict === 'regression').length;
  const verdict = hasRegression
    ? `${regressions} of ${changes.length} numbers got worse beyond the threshold.`
    : `None of ${changes.length} numbers got worse beyond the threshold.`;
  return [...cautions.map((caution) => `Caution: ${caution}.`), ...lines, '', verdict, ''].join(
    '\n',
  );
}

function valueOf({ unit }: Change, value: number): string {
  switch (unit) {
    case 'ms':
      return formatMs(value);
    case 'bytes':
      return formatBytes(value);
    case 'of direct':
      return `${formatNumber(value)} ×`;
    default:
      return `${formatNumber(value)} ${unit}`.replace(' /s', '/s');
  }
}

function growthOf({ growth, before, after }: Change): string {
  if (before === after || !Number.isFinite(growth.value)) return before === after ? '0 %' : '–';
  const signed = (share: number): string =>
    `${share > 0 ? '+' : ''}${formatShare(share)}`.replace('-', '−');
  const interval = growth.rounds < 2 ? '' : ` (${signed(growth.low)} to ${signed(growth.high)})`;
  return `${signed(growth.value)}${interval}`;
}
