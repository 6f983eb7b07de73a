import { checkFiles } from '@sluice/proxy/check-files';
import { settingsWarnings } from '@sluice/proxy/settings';
import type { Run } from '../command.ts';
import { defaultFile } from '../default-file.ts';
import { describeProblems, readSettings } from '../read-settings.ts';

export const run: Run = async ({ arguments: [file = defaultFile], stdout, stderr }) => {
  const settings = readSettings(file, stderr);
  if (settings === undefined) return 1;
  const { problems, warnings } = await checkFiles(settings);
  for (const warning of [...settingsWarnings(settings), ...warnings]) {
    stderr.write(`${file}: warning: ${warning}\n`);
  }
  if (problems.length > 0) {
    stderr.write(describeProblems(problems));
    return 1;
  }
  stdout.write(`${file} is valid\n`);
  return 0;
};
