import type { Command } from '../command.ts';
import { whichProxy } from '../planned-work/which-proxy.ts';
import { wholeNumber } from '../parse-option.ts';

export const status: Command = {
  name: 'status',
  summary: 'show clients, pools, targets, pins and waits of a running proxy',
  description:
    'Shows the state of a running proxy, from its admin port: once, or repeatedly with --watch. ' +
    'Exits with 1 if the admin port does not respond.',
  options: [
    ...whichProxy,
    { flags: '-w, --watch', description: 'refresh until Ctrl-C' },
    {
      flags: '--interval <seconds>',
      description: 'how often --watch refreshes',
      default: 2,
      parse: wholeNumber(1, 3600),
    },
    { flags: '--json', description: 'print JSON; with --watch, one object per line' },
  ],
  examples: [
    { line: 'sluice status', does: 'The proxy that runs with sluice.yaml, or `sluice up`.' },
    { line: 'sluice status --watch', does: 'The same every two seconds.' },
  ],
  load: () => import('./run.ts'),
};
