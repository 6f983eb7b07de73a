import { createInterface } from 'node:readline/promises';
import type { CommandLine } from './command-line.ts';

/** Whether there is a terminal on which to ask the user. */
export function canAsk({ stdin = process.stdin }: CommandLine): boolean {
  return 'isTTY' in stdin && stdin.isTTY === true;
}

/** Asks at the terminal; undefined if there is none, or if the input ends without an answer. */
export async function ask(line: CommandLine, question: string): Promise<string | undefined> {
  if (!canAsk(line)) {
    return undefined;
  }
  const questions = createInterface({ input: line.stdin ?? process.stdin, output: line.stderr });
  const closed = new AbortController();
  questions.once('close', () => closed.abort());
  try {
    const answer = await questions.question(question, { signal: closed.signal });
    return answer.trim();
  } catch {
    return undefined;
  } finally {
    questions.close();
  }
}
