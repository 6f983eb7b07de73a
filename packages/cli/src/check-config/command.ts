import type { Command } from '../command.ts';

export const checkConfig: Command = {
  name: 'check-config',
  summary: 'check a settings file, and show every problem at once',
  description:
    'Checks a settings file as serve would read it, environment variables (SLUICE_…) included.\n' +
    'Exits with 0 when it can be used and with 1 when it cannot.',
  arguments: [{ name: '<file>', description: 'the settings file, in YAML' }],
  options: [],
  examples: [{ line: 'sluice check-config sluice.yaml', does: 'Checks the file sluice.yaml.' }],
  load: () => import('./run.ts'),
};
