import { Flag, touchesSession } from '../sql/index.ts';

/* Masks of the statement effects that a session has to handle. */

/** Effects that set parameters for the session. */
export const changesParameters: number = Flag.SetsParameter | Flag.ChangesRole | Flag.Discard;
/** Effects that may end the reason for a pin. */
export const gives: number =
  Flag.AdvisoryUnlock | Flag.Deallocate | Flag.Unlisten | Flag.Discard | Flag.Cursor | Flag.Ddl;
/** Effects that the session tracks from what is read back after its transaction. */
export const tracked: number = changesParameters | Flag.Listen | Flag.Unlisten;
/** All effects that a session has to handle. Most statements have none. */
export const watched: number = touchesSession | Flag.UnknownFunction | Flag.Ddl;
