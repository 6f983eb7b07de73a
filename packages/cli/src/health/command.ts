import type { Command } from '../command.ts';
import { adminTls } from '../planned-work/which-proxy.ts';

export const health: Command = {
  name: 'health',
  summary: 'check whether the proxy on this machine is alive',
  description:
    'Asks the admin port of a running proxy whether it is alive, or, with --ready, whether clients can be served. ' +
    'Exits with 0 for yes and 1 for no. Intended as a health check in images without curl.',
  options: [
    {
      flags: '--admin <url>',
      description:
        'the admin port or the path of its Unix socket (default: from SLUICE_ADMIN_HOST, SLUICE_ADMIN_PORT and SLUICE_ADMIN_TLS_CERT_FILE, else http://127.0.0.1:9127)',
    },
    {
      flags: '--ready',
      description: 'ask whether clients can be served, not only whether it is alive',
    },
    ...adminTls,
  ],
  load: () => import('./run.ts'),
};
