import type { Command, Option } from '../command.ts';
import { wholeNumber } from '../parse-option.ts';
import { whichProxy } from './which-proxy.ts';

const untilQuiet: Option = {
  flags: '--timeout <seconds>',
  description: 'how long to wait for what is still running; 0 does not wait',
  default: 60,
  parse: wholeNumber(0, 86_400),
};

/** What an operator says around planned work on the database. */
export const plannedWork: readonly Command[] = [
  {
    name: 'pause',
    summary: 'hold all clients at the end of their transactions, for planned work on the database',
    description:
      'Holds all clients at the end of their transactions and waits until nothing is running. Clients get no error\n' +
      'before ConnectionBorrowTimeout. Exits with 1 if something is still running after the timeout; the pause stays.',
    options: [...whichProxy, untilQuiet],
    examples: [
      { line: 'sluice pause', does: 'Holds all clients; now switch over, or reboot the database.' },
    ],
    load: async () => ({ run: (await import('./run.ts')).pause }),
  },
  {
    name: 'resume',
    summary: 'end a pause, or the drain of a target',
    description:
      'Ends a pause: clients continue on whichever target is the writer now. With a target: ends its drain.',
    arguments: [{ name: '[target]', description: 'the target to use again, as /targets names it' }],
    options: whichProxy,
    examples: [{ line: 'sluice resume', does: 'Serves the clients that were held.' }],
    load: async () => ({ run: (await import('./run.ts')).resume }),
  },
  {
    name: 'drain',
    summary: 'take all clients off one target, for planned work on it',
    description:
      'Sends nothing more to the target and waits until nothing is running there. Reads go to the other standbys; clients\n' +
      'of a drained writer wait until another target is the writer, or for `sluice resume TARGET`.',
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
