import type { Finding, Status } from '../preflight/check.ts';
import { counted } from './counted.ts';
import type { Style } from './style.ts';

const signs: Readonly<Record<Status, string>> = {
  passed: '✓',
  warning: '!',
  failed: '✗',
  skipped: '-',
};

const colours = { passed: 'green', warning: 'yellow', failed: 'red', skipped: 'gray' } as const;

/** The checks, one per line, each with its fix below if it needs one. */
export function checkLines(checks: readonly Finding[], style: Style): string[] {
  const count = (status: Status): number =>
    checks.filter((check) => check.status === status).length;
  return [
    style(
      'bold',
      `Checks: ${count('passed')} passed, ${counted(count('warning'), 'warning')}, ${count('failed')} failed, ${count('skipped')} skipped`,
    ),
    ...checks.flatMap((check) => [
      style(
        colours[check.status],
        `  ${signs[check.status]} ${check.code} ${check.title}: ${check.found}`,
      ),
      ...(check.fix === undefined ? [] : [`      fix: ${check.fix}`]),
    ]),
  ];
}
