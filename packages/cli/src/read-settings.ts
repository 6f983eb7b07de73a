import type { Settings } from '@sluice/proxy/settings';
import { loadSettings, SettingsError } from '@sluice/proxy/settings';

/** Reads a settings file and the environment. If they are invalid, writes every problem and returns undefined. */
export function readSettings(file: string, stderr: NodeJS.WritableStream): Settings | undefined {
  try {
    return loadSettings(file, process.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) {
      throw error;
    }
    stderr.write(
      describeProblems(error.problems.map(({ where, message }) => `${where}: ${message}`)),
    );
    return undefined;
  }
}

/** One line for each problem, and their number. */
export function describeProblems(problems: readonly string[]): string {
  const count = problems.length;
  return `${problems.join('\n')}\n${count} ${count === 1 ? 'problem' : 'problems'}\n`;
}
