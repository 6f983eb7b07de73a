import { settingsWarnings } from '@sluice/proxy/settings';
import type { Run } from '../command.ts';
import { defaultFile } from '../default-file.ts';
import { readSettings } from '../read-settings.ts';

export const run: Run = ({ arguments: [file = defaultFile], stdout, stderr }) => {
  const settings = readSettings(file, stderr);
  if (settings === undefined) {
    return Promise.resolve(1);
  }
  for (const warning of settingsWarnings(settings)) {
    stderr.write(`${file}: warning: ${warning}\n`);
  }
  stdout.write(`${file} is valid\n`);
  return Promise.resolve(0);
};
