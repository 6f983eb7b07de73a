import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Claim, ProveOptions, Report } from '@sluice/prove';
import { isNumber, isString, listOf, oneOf } from '@sluice/proxy/json';
import type { Guard } from '@sluice/proxy/json';
import type { CommandInput, Run } from '../command.ts';
import { UsageError } from '../command.ts';
import { StopSignals } from '../stop-signals.ts';
import { compareRun } from './compare.ts';
import { dialogueOf } from './dialogue.ts';
import type { ProveModule } from './prove-module.ts';

const allClaims: readonly Claim[] = ['scalability', 'performance', 'availability', 'pinning'];

const isFailoverKind: Guard<ProveOptions['failoverKind']> = oneOf([
  'kill',
  'shutdown',
  'switchover',
]);

/** The command, with the loaded package. */
export function runWith(module: ProveModule): Run {
  return (input) =>
    input.arguments.length > 0
      ? Promise.resolve(compareRun(module, input))
      : measure(module, input);
}

async function measure(module: ProveModule, input: CommandInput): Promise<number> {
  const { options, stdout, stderr } = input;
  const signals = new StopSignals();
  // During the cleanup, a second Ctrl-C exits immediately.
  signals.second.addEventListener('abort', () => process.exit(130));
  let report: Report;
  try {
    report = await module.prove(proveOptions(module, input), dialogueOf(input), signals.first);
  } catch (error) {
    if (!signals.first.aborted) throw error;
    stderr.write('Stopped; everything has been cleaned up.\n');
    return 130;
  }
  const folder = path.resolve(String(options['out']));
  await mkdir(folder, { recursive: true });
  const json = `${JSON.stringify(report, undefined, 2)}\n`;
  await writeFile(path.join(folder, 'report.json'), json);
  await writeFile(path.join(folder, 'report.html'), module.htmlReport(report));
  stdout.write(options['json'] === true ? json : module.summaryOf(report));
  const shown = path.relative(process.cwd(), folder) || '.';
  stderr.write(
    `\nWritten: ${path.join(shown, 'report.html')} and ${path.join(shown, 'report.json')}\n`,
  );
  if (signals.first.aborted) return 130;
  return report.isComplete ? 0 : 1;
}

/** Converts the options to their types. */
function proveOptions(module: ProveModule, { options }: CommandInput): ProveOptions {
  const text = (name: string): string | undefined => {
    const value = options[name];
    return typeof value === 'string' ? value : undefined;
  };
  const number = (name: string): number | undefined => {
    const value = options[name];
    return typeof value === 'number' ? value : undefined;
  };
  const list = <Value>(name: string, guard: Guard<Value>): readonly Value[] | undefined => {
    const value = options[name];
    return listOf(guard)(value) ? value : undefined;
  };
  const through = (list('through', isString) ?? []).map((url) => module.parseThrough(url));
  const failoverKind = options['failoverKind'];
  const isGiven = text('direct') !== undefined || through.length > 0;
  const foreign = ['failoverCommand', 'failoverByHand'].find((name) => options[name] !== undefined);
  if (!isGiven && foreign !== undefined) {
    throw new UsageError(
      `--${foreign.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is for a database of your own; the test cluster fails over by itself (--failover-kind)`,
    );
  }
  if (options['failoverByHand'] === true && !process.stdin.isTTY) {
    throw new UsageError(
      '--failover-by-hand asks you to press Enter, and there is no terminal to ask on; use --failover-command instead',
    );
  }
  return {
    direct: text('direct'),
    through,
    workload: text('workload'),
    trace: text('trace'),
    only: list('only', oneOf(allClaims)) ?? allClaims,
    maxClients: number('maxClients'),
    maxRate: number('maxRate'),
    rates: list('rates', isNumber),
    rounds: number('rounds') ?? 5,
    seconds: number('seconds'),
    schema: text('schema') ?? 'sluice_prove',
    failoverCommand: text('failoverCommand'),
    failoverByHand: options['failoverByHand'] === true,
    failoverRounds: number('failoverRounds'),
    failoverTimeout: number('failoverTimeout') ?? 300,
    failoverSettle: number('failoverSettle') ?? 10,
    failoverKind: isFailoverKind(failoverKind) ? failoverKind : 'kill',
    failoverRate: number('failoverRate') ?? 200,
  };
}
