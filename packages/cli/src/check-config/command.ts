import type { Command } from '../command.ts';
import { defaultFile } from '../default-file.ts';

export const checkConfig: Command = {
  name: 'check-config',
  summary: 'check a settings file and show all problems',
  description:
    'Checks a settings file, the environment variables (SLUICE_…) and the files that they name, as serve would read ' +
    'them. Connects to nothing. ' +
    'Exits with 0 if the settings are valid, and with 1 otherwise.',
  arguments: [
    { name: '[file]', description: `the settings file, in YAML (default: ${defaultFile})` },
  ],
  options: [],
  examples: [
    { line: 'sluice check-config', does: `Checks ${defaultFile} in this directory.` },
    { line: 'sluice check-config /etc/sluice/sluice.yaml', does: 'Checks another file.' },
  ],
  load: () => import('./run.ts'),
};
