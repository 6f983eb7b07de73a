import { Flag, touchesSession } from '../sql/index.ts';

/*
 * What of a statement's effects a session has to do something about.
 */

/** Effects that set parameters for the session. */
export const changesParameters: number = Flag.SetsParameter | Flag.ChangesRole | Flag.Discard;
/** Effects that may end what a pin is for. */
export const gives: number =
  Flag.AdvisoryUnlock | Flag.Deallocate | Flag.Unlisten | Flag.Discard | Flag.Cursor | Flag.Ddl;
/** Effects that the session carries on from what is read back when its transaction is over. */
export const tracked: number = changesParameters | Flag.Listen | Flag.Unlisten;
/** Everything that a session has to do something about. Most statements have none of it. */
export const watched: number = touchesSession | Flag.UnknownFunction | Flag.Ddl;
