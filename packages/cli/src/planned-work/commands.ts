import type { Command, Option } from '../command.ts';
import { wholeNumber } from '../parse-option.ts';

const whichProxy: readonly Option[] = [
  {
    flags: '--admin <url>',
    description: 'the admin port of the proxy, for example http://127.0.0.1:9127',
  },
  {
    flags: '-c, --config <file>',
    description:
      'or the settings file that it runs with (default: a `sluice up` that runs, else sluice.yaml)',
  },
];

const untilQuiet: Option = {
  flags: '--timeout <seconds>',
  description: 'how long to wait until nothing runs any more; 0 does not wait',
  default: 60,
  parse: wholeNumber(0, 86_400),
};

/** What an operator says around planned work on the database. */
export const plannedWork: readonly Command[] = [
  {
    name: 'pause',
    summary: 'hold all clients at the end of their transactions, for planned work on the database',
    description:
      'Holds all clients at the end of their transactions, and waits until nothing runs any more. Clients get no error\n' +
      'while ConnectionBorrowTimeout lasts. Exits with 1 when something still runs after the time-out; the pause stays.',
    options: [...whichProxy, untilQuiet],
    examples: [
      { line: 'sluice pause', does: 'Holds everyone; then switch over, or reboot the database.' },
    ],
    load: async () => ({ run: (await import('./run.ts')).pause }),
  },
  {
    name: 'resume',
    summary: 'end a pause, or the drain of a target',
    description:
      'Ends a pause: clients are served by whichever target is the writer now. With a target: ends its drain.',
    arguments: [
      { name: '[target]', description: 'the target to lend again, as /targets names it' },
    ],
    options: whichProxy,
    examples: [{ line: 'sluice resume', does: 'Serves everyone who was held.' }],
    load: async () => ({ run: (await import('./run.ts')).resume }),
  },
  {
    name: 'drain',
    summary: 'free one target of clients, for planned work on it',
    description:
      'Lends nothing of the target any more, and waits until nothing runs there. Reads go to the other standbys; clients\n' +
      'of a drained writer wait until another target is the writer, or `sluice resume TARGET`.',
    arguments: [{ name: '<target>', description: 'the target, as /targets names it' }],
    options: [...whichProxy, untilQuiet],
    examples: [
      {
        line: 'sluice drain 10.0.1.17:5432',
        does: 'Moves clients off the target at this address.',
      },
    ],
    load: async () => ({ run: (await import('./run.ts')).drain }),
  },
];
