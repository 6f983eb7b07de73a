import { inspect } from 'node:util';
import fc from 'fast-check';
import type { Finding, Lane } from './lane.ts';
import type { Pace } from './play.ts';
import type { Script } from './script.ts';
import { scripts } from './scripts.ts';
import type { ThemeName } from './themes.ts';

/** The maximum number of steps of a script. Short scripts find the same bugs, and are easier to understand. */
const steps = 12;

/** Holds if clients see the same on both sides of the lane. */
export function looksTheSame(
  lane: Lane,
  about: readonly ThemeName[],
  {
    paces = ['in step', 'together'],
    without,
  }: { readonly paces?: readonly Pace[]; readonly without?: RegExp | undefined } = {},
): fc.IAsyncProperty<[Script, Pace]> {
  const all = scripts(steps, about);
  const script =
    without === undefined ? all : all.filter((one) => !without.test(JSON.stringify(one)));
  return fc.asyncProperty(script, fc.constantFrom(...paces), async (script, pace) => {
    const finding = await lane.compare(script, pace);
    if (finding !== null) throw new Error(findingText(finding));
  });
}

/** A finding as text, with the script in the form of `cases.ts`. */
export function findingText({ step, expected, got, script, pace, connections }: Finding): string {
  const lines = script.map((value) =>
    inspect(value, { depth: null, breakLength: Infinity, compact: true }),
  );
  const where =
    step === undefined ? 'notifications' : `step ${step} ${lines[step] ?? 'last words'}`;
  return (
    `${where} (${pace}, over ${connections} connections)\n` +
    `  expected: ${expected}\n  got:      ${got}\n  ${lines.join(',\n  ')}`
  );
}
