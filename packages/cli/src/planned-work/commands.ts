import type { Command, Option } from '../command.ts';
import { wholeNumber } from '../parse-option.ts';
import { whichProxy } from './which-proxy.ts';

const untilQuiet: Option = {
  flags: '--timeout <seconds>',
  description: 'how long to wait for running statements and transactions; 0 does not wait',
  default: 60,
  parse: wholeNumber(0, 86_400),
};

/** The commands for planned work on the database. */
export const plannedWork: readonly Command[] = [
  {
    name: 'pause',
    summary: 'pause all clients at the end of their transactions, for planned work on the database',
    description:
      'Pauses all clients at the end of their transactions and waits until nothing is running. Clients get no error ' +
      'before ConnectionBorrowTimeout. Exits with 1 if something is still running after the timeout; the proxy stays paused.',
    options: [...whichProxy, untilQuiet],
    examples: [
      { line: 'sluice pause', does: 'Pauses all clients. Now switch over or reboot the database.' },
    ],
    load: async () => ({ run: (await import('./run.ts')).pause }),
  },
  {
    name: 'resume',
    summary: 'end a pause, or the drain of a target',
    description:
      'Without a target, ends a pause: clients continue on the current writer. With a target, ends its drain.',
    arguments: [{ name: '[target]', description: 'the target to use again, as /targets names it' }],
    options: whichProxy,
    examples: [{ line: 'sluice resume', does: 'Ends the pause.' }],
    load: async () => ({ run: (await import('./run.ts')).resume }),
  },
  {
    name: 'drain',
    summary: 'drain one target, for planned work on it',
    description:
      'Sends nothing more to the target and waits until nothing is running there. Reads go to the other standbys; clients ' +
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
