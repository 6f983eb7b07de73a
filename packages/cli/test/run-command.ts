import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { main } from '../src/main.ts';

/** Runs `sluice` in this process: a new process for each command would take most of a test's time. */
export async function runCommand(
  words: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const texts = Promise.all([text(out), text(err)]);
  const code = await main(words, { stdout: out, stderr: err } as unknown as NodeJS.Process);
  out.end();
  err.end();
  const [stdout, stderr] = await texts;
  return { code, stdout, stderr };
}
