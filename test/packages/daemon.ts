import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Reads lines until one matches; fails with all of them if the stream ends without it. */
export async function lineOf(stream: Readable | null, pattern: RegExp): Promise<string> {
  assert.ok(stream);
  const received: string[] = [];
  for await (const line of createInterface({ input: stream })) {
    received.push(line);
    if (pattern.test(line)) {
      stream.resume();
      return line;
    }
  }
  return assert.fail(`no line like ${pattern}:\n${received.join('\n')}`);
}

/** Ends a process with a signal, and checks that it ends properly. */
export async function endWell(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exited = once(child, 'exit');
  child.kill(signal);
  assert.deepEqual(await exited, [0, null]);
}
