import { union } from '../distinct.ts';
import { Flag } from './effects.ts';
import { sessionFunctions } from './session-functions.ts';

/** Words of a body that indicate statements or clauses. */
const bodyWords: ReadonlyMap<string, Flag> = new Map([
  ['set', Flag.SetsParameter],
  ['reset', Flag.SetsParameter],
  ['pg_settings', Flag.SetsParameter],
  ['role', Flag.ChangesRole],
  ['authorization', Flag.ChangesRole],
  ['discard', Flag.Discard],
  ['prepare', Flag.Prepare],
  ['deallocate', Flag.Deallocate],
  ['listen', Flag.Listen],
  ['unlisten', Flag.Unlisten],
  ['notify', Flag.Notify],
  ['temp', Flag.TemporaryObject],
  ['temporary', Flag.TemporaryObject],
  ['pg_temp', Flag.TemporaryObject],
  ['hold', Flag.HoldableCursor],
  ['load', Flag.Load],
  ['commit', Flag.Transaction],
  ['rollback', Flag.Transaction],
  ['savepoint', Flag.Transaction],
  ['call', Flag.Procedure],
  ['create', Flag.Ddl],
  ['alter', Flag.Ddl],
  ['drop', Flag.Ddl],
]);

const word = /[a-z_\u0080-\uffff][\w$\u0080-\uffff]*/g;

/**
 * The possible effects of the words of a DO block, or of SQL in a string. Comments and nested strings count too,
 * because the block may run them. It does not find dynamic SQL, hence `UnknownFunction`.
 */
export function flagsOfBody(body: string): Flag {
  let flags: Flag = Flag.UnknownFunction;
  for (const [found] of body.toLowerCase().matchAll(word)) {
    flags = union(flags, bodyWords.get(found) ?? sessionFunctions.get(found) ?? Flag.None);
  }
  return flags;
}
