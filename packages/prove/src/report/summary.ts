import { capital } from '../findings/of-estimate.ts';
import { listed } from './format.ts';
import type { Claim, Finding, Report } from './schema.ts';
import { claims } from './schema.ts';

const width = 79;

const marks: Readonly<Record<Finding['kind'], string>> = {
  measured: '•',
  'no difference': '=',
  'not supported': '?',
  caveat: '!',
};

/** What a terminal shows at the end: findings in sentences, by claim. */
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

/** Where the statements came from: the workload of the load, and what pinning was judged by where that is something else. */
export function statementsOf({ workload, scalability, performance, pinning }: Report): string {
  const { name = '' } = workload as { readonly name?: string };
  const ran = `workload ${name}`;
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

/** The space between a number and its unit, where no line ends. */
export const beforeUnit = /(?<=\d) (?=(?:%|µs|ms|s|kB|MB|GB)(?![\w%]))/g;

/** Lines of at most 79 characters, the further ones indented. */
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
