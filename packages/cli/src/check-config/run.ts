import { loadSettings, SettingsError, settingsWarnings } from '@sluice/proxy/settings';
import type { Run } from '../command.ts';

export const run: Run = ({ arguments: [file = ''], stdout, stderr }) => {
  try {
    const warnings = settingsWarnings(loadSettings(file, process.env));
    for (const warning of warnings) {
      stderr.write(`${file}: warning: ${warning}\n`);
    }
    stdout.write(`${file} can be used\n`);
    return Promise.resolve(0);
  } catch (error) {
    if (!(error instanceof SettingsError)) {
      throw error;
    }
    const count = error.problems.length;
    stderr.write(`${error.message}\n${count} ${count === 1 ? 'problem' : 'problems'}\n`);
    return Promise.resolve(1);
  }
};
