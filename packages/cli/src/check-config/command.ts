import type { Command } from '../command.ts';

export const checkConfig: Command = {
  name: 'check-config',
  summary: 'check a settings file and show all problems',
  description:
    'Checks a settings file and the environment variables (SLUICE_…) as serve would read them.\n' +
    'Exits with 0 if the settings are valid, and with 1 otherwise.',
  arguments: [{ name: '<file>', description: 'the settings file, in YAML' }],
  options: [],
  examples: [{ line: 'sluice check-config sluice.yaml', does: 'Checks the file sluice.yaml.' }],
  load: () => import('./run.ts'),
};
