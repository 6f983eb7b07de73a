import type { CommandInput } from '../command.ts';
import { UsageError } from '../command.ts';
import type { ProveModule } from './prove-module.ts';

/** `sluice prove compare A.json B.json`: exit code 1 if something got worse by more than the threshold. */
export function compareRun(
  { compareReports, formatComparison, readReport }: ProveModule,
  { options, arguments: words, stdout }: CommandInput,
): number {
  const [word, before, after] = words;
  if (word !== 'compare' || before === undefined || after === undefined) {
    throw new UsageError(
      `sluice prove takes no arguments except compare and two reports, as in: sluice prove compare before/report.json after/report.json (you typed: ${words.join(' ')})`,
    );
  }
  const comparison = compareReports(readReport(before), readReport(after), {
    threshold: Number(options['threshold']) / 100,
    isRelative: options['relative'] === true,
  });
  stdout.write(
    options['json'] === true
      ? `${JSON.stringify(comparison, undefined, 2)}\n`
      : formatComparison(comparison),
  );
  return comparison.hasRegression ? 1 : 0;
}
