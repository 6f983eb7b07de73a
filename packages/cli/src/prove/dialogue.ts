import { createInterface } from 'node:readline/promises';
import type { Dialogue } from '@sluice/prove';
import type { CommandInput } from '../command.ts';
import { UsageError } from '../command.ts';

/** How `sluice prove` talks to a person: on standard error, so that standard output holds the result alone. */
export function dialogueOf({ options, stderr }: CommandInput): Dialogue {
  const isAnswered = options['yes'] === true;
  return {
    stderr,
    confirm: async (question, signal) => {
      if (isAnswered) return true;
      if (!process.stdin.isTTY) {
        throw new UsageError(
          `${question}\nThere is no terminal to ask on; if this is what you want, add --yes`,
        );
      }
      const answer = await ask(stderr, `${question} [y/N] `, signal);
      return /^y(es)?$/i.test(answer?.trim() ?? '');
    },
    pressEnter: async (message, signal) => {
      stderr.write('\r\u001B[K');
      const answer = await ask(stderr, `${message} `, signal);
      if (answer === undefined) {
        throw new UsageError(
          'the input ended before Enter was pressed; --failover-by-hand needs a terminal',
        );
      }
    },
  };
}

/** Asks for a line; undefined when the input ends without one. */
async function ask(
  output: NodeJS.WritableStream,
  question: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output });
  // A readline interface takes Ctrl-C away from the process.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  const ended = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)));
  try {
    return await Promise.race([lines.question(question, { signal }), ended]);
  } finally {
    lines.close();
  }
}
