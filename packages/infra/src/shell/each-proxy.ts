import { Writable } from 'node:stream';
import { InfraError } from '../errors.ts';
import { proxyNames } from '../inputs/sources.ts';
import type { SarifDocument } from '../security/sarif.ts';
import type { PlanSection } from '../text/plan-markdown.ts';
import { writeReports } from './write-sarif.ts';
import { writeSections } from './write-markdown.ts';
import { flag, guarded, requestOf, writeJson, type CommandLine } from './command-line.ts';

type Run = (line: CommandLine) => Promise<number>;

/**
 * Runs a command for each proxy of the inputs (`proxies`), one after the other, or with --only for one of them. Each
 * has its own stack, and may have its own account and region.
 * @param options with `single` the command is for one proxy at a time
 * @returns the highest of the exit codes, but 1 before 2, so that changes do not hide a failure
 */
export function eachProxy(run: Run, options: { readonly single?: boolean } = {}): Run {
  return async (line) => {
    let names: string[] = [];
    const read = await guarded(line, async () => {
      names = chosenNames(await proxyNames(requestOf(line).sources), line.options['only']);
      const single = ['save', 'out', 'confirm'].find((name) => line.options[name] !== undefined);
      if (names.length > 1 && (single !== undefined || options.single === true)) {
        throw new InfraError(
          'USAGE',
          `${single === undefined ? 'this command' : `--${single}`} is for one proxy, and the inputs have ${names.join(', ')}; choose one with --only`,
        );
      }
      return 0;
    });
    if (read !== 0 || names.length === 0) {
      return read === 0 ? run(line) : read;
    }
    const [chosen] = names;
    if (options.single === true && chosen !== undefined) {
      return run({ ...line, proxy: chosen });
    }
    const reports: SarifDocument[] = [];
    const sections: PlanSection[] = [];
    const codes: number[] = [];
    const documents: Record<string, unknown> = {};
    for (const proxy of names) {
      const collected = new Collector();
      if (!flag(line, 'json')) {
        line.stdout.write(`${proxy}:\n`);
      }
      codes.push(
        await run({
          ...line,
          proxy,
          reports,
          sections,
          stdout: flag(line, 'json') ? collected : line.stdout,
        }),
      );
      if (flag(line, 'json')) {
        documents[proxy] = JSON.parse(collected.text) as unknown;
      }
    }
    if (flag(line, 'json')) {
      writeJson(line, { version: 1, proxies: documents });
    }
    await writeReports(line, reports);
    await writeSections(line, sections);
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
