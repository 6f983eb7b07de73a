import type { Command } from '../command.ts';
import { defaultFile } from '../default-file.ts';

export const serve: Command = {
  name: 'serve',
  summary: 'run the proxy with a settings file, for production',
  description:
    'Runs the proxy. Settings come from the file and from environment variables (SLUICE_…), which take precedence.\n' +
    '\n' +
    'It reloads the settings on SIGHUP, and when the file or a file that it names changes. ' +
    'On SIGTERM or SIGINT it refuses new clients, waits for transactions, and exits; on a second one it exits immediately. ' +
    'The log goes to standard error.',
  options: [
    {
      flags: '-c, --config <file>',
      description: 'the settings file, in YAML',
      default: defaultFile,
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
