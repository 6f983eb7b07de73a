import { mask } from '../distinct.ts';
import { Flag, touchesSession } from '../sql/index.ts';

/* Masks of the statement effects that a session has to handle. */

/** Effects that set parameters for the session. */
const changesParameters: Flag = mask(Flag.SetsParameter, Flag.ChangesRole, Flag.Discard);
/** The same, and effects that last until the transaction ends. */
export const changesAnyParameter: Flag = mask(changesParameters, Flag.SetsLocalParameter);
/** Effects that may end the reason for a pin. */
export const gives: Flag = mask(
  Flag.AdvisoryUnlock,
  Flag.Deallocate,
  Flag.Unlisten,
  Flag.Discard,
  Flag.Cursor,
  Flag.Ddl,
);
/** Effects that the session tracks from what is read back after its transaction. */
export const tracked: Flag = mask(changesParameters, Flag.Listen, Flag.Unlisten);
/** All effects that a session has to handle. Most statements have none. */
export const watched: Flag = mask(touchesSession, Flag.UnknownFunction, Flag.Ddl);
