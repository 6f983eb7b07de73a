import type { Option } from '../command.ts';

/** How a command is told which running proxy it is meant for. */
export const whichProxy: readonly Option[] = [
  {
    flags: '--admin <url>',
    description: 'the admin port of the proxy, for example http://127.0.0.1:9127',
  },
  {
    flags: '-c, --config <file>',
    description:
      'or the settings file it runs with (default: a running `sluice up`, else sluice.yaml)',
  },
];
