import type { Effects } from '@sluice/proxy/sql';

/** What a pooler does with a statement. */
export interface Verdict {
  /** `pins`, `may pin`, `loses`, `breaks`, `tracks`, or `nothing` if nothing special happens. */
  readonly effect: string;
  readonly why: string;
}

/** Nothing special happens. */
export const nothing: Verdict = { effect: 'nothing', why: '' };

/** One row of a table of rules: the first that matches a statement applies. */
export interface Rule extends Verdict {
  readonly applies: (effects: Effects, text: string) => boolean;
}

/** The verdict according to a table of rules. */
export function judge(rules: readonly Rule[], effects: Effects, text: string): Verdict {
  const rule = rules.find(({ applies }) => applies(effects, text));
  return rule === undefined ? nothing : { effect: rule.effect, why: rule.why };
}

/** A rule for statements with one of these flags. */
export function onFlag(flags: number): Rule['applies'] {
  return (effects) => (effects.flags & flags) !== 0;
}
