import type { Command } from '../command.ts';

export const health: Command = {
  name: 'health',
  summary: 'check whether the proxy on this machine is alive',
  description:
    'Asks the admin port of a running proxy whether it is alive, or, with --ready, whether clients can be served.\n' +
    'Exits with 0 for yes and 1 for no. Intended as a health check in images without curl.',
  options: [
    {
      flags: '--admin <url>',
      description:
        'the admin port (default: http://127.0.0.1, with the port in SLUICE_ADMIN_PORT or 9127)',
    },
    {
      flags: '--ready',
      description: 'ask whether clients can be served, not only whether it is alive',
    },
  ],
  load: () => import('./run.ts'),
};
