import type { DatabaseConnection } from '../backend/database-connection.ts';
import { Flag, lexisOf, touchesSession } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';

/*
 * What of a statement's effects a session has to do something about.
 */

/** Effects that set parameters for the session. */
export const changesParameters: number = Flag.SetsParameter | Flag.ChangesRole | Flag.Discard;
/** Effects that may end what a pin is for. */
export const gives: number =
  Flag.AdvisoryUnlock | Flag.Deallocate | Flag.Unlisten | Flag.Discard | Flag.Cursor | Flag.Ddl;
/** Effects that the session carries on from what is read back when its transaction is over. */
export const carried: number = changesParameters | Flag.Listen | Flag.Unlisten;
/** Everything that a session has to do something about. Most statements have none of it. */
export const watched: number = touchesSession | Flag.UnknownFunction | Flag.Ddl;

/** What is assumed of a session's lexis while a change of it is under way. */
export const worstLexis: number = lexisOf(undefined, undefined);

/** The lexis under which the database reads texts now, as the connection has reported. */
export function lexisReported({ reported }: DatabaseConnection): number {
  return lexisOf(reported.get('client_encoding'), reported.get('standard_conforming_strings'));
}

/** Whether a statement may change how later texts are read. */
export function changesLexis(effects: Effects): boolean {
  return effects.details.some(
    (effect) =>
      effect.kind === 'parameter' &&
      (typeof effect.names === 'string' ||
        effect.names.includes('client_encoding') ||
        effect.names.includes('standard_conforming_strings')),
  );
}
