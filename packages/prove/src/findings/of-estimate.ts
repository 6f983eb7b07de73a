import type { Claim, Finding } from '../report/schema.ts';
import { fewestRounds, isSupported } from '../statistics/index.ts';
import type { Estimate } from '../statistics/index.ts';

/** The texts about a difference, which depend on its significance. */
export interface Wording {
  /** The subject of the sentence: `the p99 at 800/s`. */
  readonly what: string;
  /** The sentence for a significant difference, with its interval as text; without the full stop. */
  readonly measured: (interval: string) => string;
  readonly format: (value: number) => string;
  readonly isHeadline?: boolean;
}

/** A finding about a difference, which is stated only if it is significant. */
export function findingOf(claim: Claim, estimate: Estimate, wording: Wording): Finding {
  const { what, measured, format, isHeadline = true } = wording;
  const interval = `95 % interval ${format(estimate.low)} to ${format(estimate.high)}, ${estimate.rounds} rounds`;
  if (estimate.rounds < fewestRounds || !Number.isFinite(estimate.value)) {
    const rounds = Number.isFinite(estimate.rounds) ? estimate.rounds : 0;
    const count =
      rounds === 1 ? '1 round that has both paths is' : `${rounds} rounds that have both paths are`;
    return {
      claim,
      kind: 'not supported',
      isHeadline,
      sentence: `${capital(what)}: ${count} too few for a finding.`,
    };
  }
  if (!isSupported(estimate)) {
    return {
      claim,
      kind: 'no difference',
      isHeadline,
      sentence: `${capital(what)}: no difference seen (${interval}).`,
      estimate,
    };
  }
  return {
    claim,
    kind: 'measured',
    isHeadline,
    sentence: `${capital(measured(interval))}.`,
    estimate,
  };
}

/** The text with a capital first letter. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
