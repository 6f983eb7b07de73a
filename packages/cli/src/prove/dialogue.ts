import { createInterface } from 'node:readline/promises';
import type { Dialogue } from '@sluice/prove';
import type { CommandInput } from '../command.ts';
import { UsageError } from '../command.ts';

/** The dialogue of `sluice prove`: on standard error, because standard output contains only the result. */
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

/** Reads a line after a prompt; undefined if the input ends. */
async function ask(
  output: NodeJS.WritableStream,
  question: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output });
  // A readline interface intercepts Ctrl-C.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  const ended = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)));
  try {
    return await Promise.race([lines.question(question, { signal }), ended]);
  } finally {
    lines.close();
  }
}
