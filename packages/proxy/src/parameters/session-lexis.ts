import { lexisOf } from '../sql/index.ts';
import type { Effects, Lexis } from '../sql/index.ts';

/** The assumed lexis of a session while a change of it is pending. */
export const worstLexis: Lexis = lexisOf(undefined, undefined);

/** The lexis under which the database parses texts now, as the connection has reported. */
export function lexisReported({
  reported,
}: {
  readonly reported: ReadonlyMap<string, string>;
}): Lexis {
  return lexisOf(reported.get('client_encoding'), reported.get('standard_conforming_strings'));
}

/** Whether a statement may change how later texts are parsed. */
export function changesLexis(effects: Effects): boolean {
  return effects.details.some(
    (effect) =>
      effect.kind === 'parameter' &&
      (typeof effect.names === 'string' ||
        effect.names.includes('client_encoding') ||
        effect.names.includes('standard_conforming_strings')),
  );
}
