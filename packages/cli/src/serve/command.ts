import type { Command } from '../command.ts';

export const serve: Command = {
  name: 'serve',
  summary: 'run the proxy with a settings file, for production',
  description:
    'Runs the proxy. Settings come from the file and from environment variables (SLUICE_…), which go first.\n' +
    '\n' +
    'SIGHUP, or a change of the file or of a file that it names: the settings are read again.\n' +
    'SIGTERM or SIGINT: no new clients, transactions finish, then it ends; a second one ends it at once.\n' +
    'The log goes to standard error.',
  options: [
    {
      flags: '-c, --config <file>',
      description: 'the settings file, in YAML',
      default: 'sluice.yaml',
    },
  ],
  examples: [
    { line: 'sluice serve --config sluice.yaml', does: 'Runs with the settings in sluice.yaml.' },
    {
      line: 'SLUICE_LISTEN_PORT=7000 sluice serve --config sluice.yaml',
      does: 'The same on another port.',
    },
  ],
  load: () => import('./run.ts'),
};
