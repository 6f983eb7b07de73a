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
    const count = error.problems.length;
    stderr.write(`${error.message}\n${count} ${count === 1 ? 'problem' : 'problems'}\n`);
    return undefined;
  }
}
