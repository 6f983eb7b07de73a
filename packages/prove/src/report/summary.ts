import { capital } from '../findings/of-estimate.ts';
import { listed } from './format.ts';
import { workloadName } from './workload-name.ts';
import type { Claim, Finding, Report } from './schema.ts';
import { claims } from './schema.ts';

const width = 79;

const marks: Readonly<Record<Finding['kind'], string>> = {
  measured: '•',
  'no difference': '=',
  'not supported': '?',
  caveat: '!',
};

/** The summary for the terminal: findings in sentences, by claim. */
export function summaryOf(report: Report): string {
  const { paths, seconds, database, findings } = report;
  const lines = [
    `sluice prove, ${report.startedAt.slice(0, 16).replace('T', ' ')}Z, ${Math.round(seconds)} s${report.isComplete ? '' : ' (stopped early)'}`,
    `PostgreSQL ${database.version}, ${paths.length === 1 ? 'path' : 'paths'} ${listed(paths.map((path) => path.name))}`,
    ...wrap(capital(statementsOf(report))),
  ];
  for (const claim of [...claims, 'generator'] as const) {
    const those = findings.filter((finding) => finding.claim === claim && finding.isHeadline);
    if (those.length === 0) continue;
    lines.push('', heading(claim));
    for (const { kind, sentence } of those) lines.push(...wrap(`${marks[kind]} ${sentence}`));
  }
  const others = findings.filter(({ isHeadline }) => !isHeadline).length;
  if (others > 0)
    lines.push('', `${others} more findings, plots and all numbers are in report.html.`);
  return `${lines.join('\n')}\n`;
}

/** The source of the statements: the workload of the load, and that of pinning if it is different. */
export function statementsOf({ workload, scalability, performance, pinning }: Report): string {
  const ran = `workload ${workloadName(workload)}`;
  if (pinning === undefined || pinning.source.startsWith(ran)) return ran;
  return scalability === undefined && performance === undefined
    ? pinning.source
    : `${ran}; for pinning, ${pinning.source}`;
}

function heading(claim: Claim | 'generator'): string {
  return claim === 'generator'
    ? 'The measurement itself'
    : claim.charAt(0).toUpperCase() + claim.slice(1);
}

/** The space between a number and its unit, at which lines do not break. */
export const beforeUnit = /(?<=\d) (?=(?:%|µs|ms|s|kB|MB|GB)(?![\w%]))/g;

/** Lines of at most 79 characters; continuation lines are indented. */
function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.replaceAll(beforeUnit, '\u00A0').split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = `  ${word}`;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((each) => each.replaceAll('\u00A0', ' '));
}
