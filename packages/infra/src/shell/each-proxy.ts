import { Writable } from 'node:stream';
import { InfraError } from '../errors.ts';
import { proxyNames } from '../inputs/sources.ts';
import { flag, guarded, requestOf, writeJson, type CommandLine } from './command-line.ts';

type Run = (line: CommandLine) => Promise<number>;

/**
 * Runs a command for each proxy of inputs that have several (`proxies`), one after the other, or with --only for one of
 * them. Each has its own stack, and may have its own account and region.
 * @returns the highest of the exit codes, but 1 before 2: a failure is not hidden by changes
 */
export function eachProxy(run: Run): Run {
  return async (line) => {
    let names: string[] = [];
    const read = await guarded(line, async () => {
      names = chosenNames(await proxyNames(requestOf(line).sources), line.options['only']);
      return 0;
    });
    if (read !== 0 || names.length === 0) {
      return read === 0 ? run(line) : read;
    }
    const codes: number[] = [];
    const documents: Record<string, unknown> = {};
    for (const proxy of names) {
      const collected = new Collector();
      if (!flag(line, 'json')) {
        line.stdout.write(`${proxy}:\n`);
      }
      codes.push(
        await run({ ...line, proxy, stdout: flag(line, 'json') ? collected : line.stdout }),
      );
      if (flag(line, 'json')) {
        documents[proxy] = JSON.parse(collected.text) as unknown;
      }
    }
    if (flag(line, 'json')) {
      writeJson(line, { version: 1, proxies: documents });
    }
    return codes.includes(1) ? 1 : Math.max(...codes);
  };
}

function chosenNames(names: string[], only: unknown): string[] {
  if (typeof only !== 'string') {
    return names;
  }
  if (!names.includes(only)) {
    throw new InfraError(
      'INPUTS_INVALID',
      `there is no proxy ${only}; proxies has ${names.join(', ') || 'none'}`,
    );
  }
  return [only];
}

class Collector extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
