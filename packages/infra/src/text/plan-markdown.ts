import type { Plan } from '../plan/plan.ts';
import { counted } from './counted.ts';
import { planText, summaryLine } from './plan-text.ts';

/** The result of one proxy's plan, for a comment on a pull request. */
export interface PlanSection {
  /** One line that is always visible. */
  readonly headline: string;
  /** The text that is visible when it is unfolded. */
  readonly text: string;
}

/** A comment on GitHub has at most 65,536 characters; the rest is for headlines and markup. */
const most = 60_000;

export function planSection(plan: Plan): PlanSection {
  return {
    headline: `${plan.proxy} (${plan.engine}): ${headlineOf(plan)}`,
    text: planText(plan, (_format, text) => text),
  };
}

function headlineOf(plan: Plan): string {
  if (plan.verdict !== 'blocked') {
    return plan.verdict === 'none' ? 'No changes.' : summaryLine(plan);
  }
  const failed = plan.checks.filter((check) => check.status === 'failed').length;
  const findings = plan.security?.findings ?? [];
  const broken = findings.filter((finding) => finding.status === 'violation').length;
  const reasons = [
    ...(failed === 0 ? [] : [counted(failed, 'failed check')]),
    ...(broken === 0 ? [] : [counted(broken, 'security violation')]),
    ...plan.obstacles,
  ];
  return `Blocked: ${reasons.join(', ')}.`;
}

/** The section of a proxy for which no plan could be made. */
export function failureSection(
  proxy: string | undefined,
  problems: readonly string[],
): PlanSection {
  return {
    headline: `${proxy === undefined ? '' : `${proxy}: `}Failed: no plan could be made.`,
    text: `${problems.map((problem) => `error: ${problem}`).join('\n')}\n`,
  };
}

/** The plans as one Markdown text, each folded below its headline. */
export function planMarkdown(sections: readonly PlanSection[]): string {
  const share = Math.floor(most / Math.max(1, sections.length));
  return sections.map((section) => folded(section, share)).join('\n');
}

function folded({ headline, text }: PlanSection, share: number): string {
  const shown =
    text.length > share
      ? `${text.slice(0, share)}\n… ${text.length - share} more characters: see the JSON\n`
      : text;
  // Values of tags and names may contain code fences themselves.
  const runs = [...shown.matchAll(/`{3,}/g)].map(([run]) => run.length);
  const fence = '`'.repeat(Math.max(2, ...runs) + 1);
  return `<details><summary>${escaped(headline)}</summary>\n\n${fence}text\n${shown}${fence}\n\n</details>\n`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
