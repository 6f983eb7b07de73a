import { createInterface } from 'node:readline/promises';
import type { Dialogue } from '@sluice/prove';
import type { CommandInput } from '../command.ts';
import { UsageError } from '../command.ts';

/** How `sluice prove` talks to a person: on standard error, so that standard output holds the result alone. */
export function dialogueOf({ options, stderr }: CommandInput): Dialogue {
  const isAnswered = options['yes'] === true;
  return {
    stderr,
    confirm: async (question) => {
      if (isAnswered) return true;
      if (!process.stdin.isTTY) {
        throw new UsageError(
          `${question}\nThere is no terminal to ask on; if this is what you want, add --yes`,
        );
      }
      const answer = await ask(stderr, `${question} [y/N] `);
      return /^y(es)?$/i.test(answer.trim());
    },
    pressEnter: async (message, signal) => {
      stderr.write('\r\u001B[K');
      await ask(stderr, `${message} `, signal);
    },
  };
}

async function ask(
  output: NodeJS.WritableStream,
  question: string,
  signal?: AbortSignal,
): Promise<string> {
  const lines = createInterface({ input: process.stdin, output });
  // A readline interface takes Ctrl-C away from the process.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return await lines.question(question, signal === undefined ? {} : { signal });
  } finally {
    lines.close();
  }
}
