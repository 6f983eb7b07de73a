import type { Part } from './suite.ts';

/** One part of the suite in two runs. */
export interface Comparison {
  readonly name: string;
  readonly same: boolean;
  /** Whether the suite itself accepts the results, directly and through the proxy. */
  readonly passed: { readonly direct: boolean; readonly proxied: boolean };
  readonly seconds: { readonly direct: number; readonly proxied: number };
  /** Whether it also differs between two direct runs; `null` if there was only one. */
  readonly unsteady: boolean | null;
}

/** The result of a run of a suite, for people and for programs. */
export interface Summary {
  readonly suite: string;
  readonly version: string;
  readonly date: string;
  readonly postgres: string;
  readonly runtime: string;
  readonly seconds: { readonly direct: number; readonly proxied: number };
  readonly ratio: number;
  readonly parts: readonly Comparison[];
}

/** One run of all parts. */
export interface Run {
  readonly parts: readonly Part[];
  readonly seconds: number;
}

/** Compares the parts of the runs by name. */
export function compareRuns(direct: Run, proxied: Run, control: Run | null): Comparison[] {
  const byName = (run: Run): Map<string, Part> =>
    new Map(run.parts.map((part) => [part.name, part]));
  const [a, b, c] = [byName(direct), byName(proxied), control && byName(control)];
  const names = [...new Set([...a.keys(), ...b.keys()])];
  return names.map((name) => {
    const [expected, got, again] = [a.get(name), b.get(name), c?.get(name)];
    return {
      name,
      same: expected?.result === got?.result,
      passed: { direct: expected?.passed === true, proxied: got?.passed === true },
      seconds: { direct: round(expected?.seconds ?? 0), proxied: round(got?.seconds ?? 0) },
      unsteady: c === null ? null : expected?.result !== again?.result,
    };
  });
}

/** Rounds to hundredths. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** The number of parts that `describeSummary` lists with their times. */
const mostListed = 10;

/** The parts that take the most additional time through the proxy, the slowest first. */
export function slowestParts(parts: readonly Comparison[]): Comparison[] {
  const added = ({ seconds }: Comparison): number => seconds.proxied - seconds.direct;
  return parts
    .filter((part) => added(part) > 0)
    .sort((a, b) => added(b) - added(a))
    .slice(0, mostListed);
}

/** The summary as text. */
export function describeSummary({ suite, version, seconds, ratio, parts }: Summary): string {
  const different = parts.filter(({ same }) => !same);
  const count = (which: 'direct' | 'proxied'): number =>
    parts.filter(({ passed }) => passed[which]).length;
  const lines = different.map(
    ({ name, passed, unsteady }) =>
      `  ${name}${unsteady === true ? ' (differs between two direct runs too)' : ''}` +
      ` (direct ${passed.direct ? 'passed' : 'failed'}, through Sluice ${passed.proxied ? 'passed' : 'failed'})`,
  );
  const slow = slowestParts(parts).map(
    ({ name, seconds: { direct, proxied } }) =>
      `  ${name}: ${direct} s directly, ${proxied} s through Sluice` +
      (direct === 0 ? '' : `: ratio ${round(proxied / direct)}`),
  );
  return [
    `${suite} ${version}: ${parts.length - different.length} of ${parts.length} the same`,
    `passed ${count('direct')} directly, ${count('proxied')} through Sluice`,
    `${round(seconds.direct)} s directly, ${round(seconds.proxied)} s through Sluice: ratio ${round(ratio)}`,
    ...(lines.length === 0 ? [] : ['what differs:', ...lines]),
    ...(slow.length === 0 ? [] : ['most additional time:', ...slow]),
  ].join('\n');
}
