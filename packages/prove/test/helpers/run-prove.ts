import { PassThrough } from 'node:stream';
import { prove } from '../../src/prove.ts';
import type { ProveOptions } from '../../src/options.ts';
import type { Report } from '../../src/report/schema.ts';

/** Runs `prove` without a terminal, with these options and small defaults. */
export function runProve(
  options: Partial<ProveOptions>,
  signal: AbortSignal = new AbortController().signal,
): Promise<Report> {
  const stderr = new PassThrough();
  stderr.resume();
  return prove(
    proveOptions(options),
    {
      stderr,
      confirm: () => Promise.resolve(true),
      pressEnter: () => Promise.resolve(),
    },
    signal,
  );
}

/** These options with small defaults. */
export function proveOptions(options: Partial<ProveOptions>): ProveOptions {
  return {
    direct: undefined,
    through: [],
    workload: 'web',
    trace: undefined,
    only: ['scalability', 'performance', 'availability', 'pinning'],
    maxClients: 20,
    maxRate: 50,
    rates: undefined,
    rounds: 3,
    seconds: 1,
    schema: 'sluice_prove',
    failoverCommand: undefined,
    failoverByHand: false,
    failoverRounds: undefined,
    failoverTimeout: 60,
    failoverSettle: 1,
    failoverKind: 'kill',
    failoverRate: 200,
    ...options,
  };
}
