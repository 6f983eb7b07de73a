/** Why a cycle ran on an exclusive lease although Interleaving is on. */
export type WhyAlone =
  /** Its session is pinned, listens, or has state that is uncertain or that only one connection may have. */
  | 'session'
  /** Sessions do not take turns on connections often enough (only with `auto`). */
  | 'turns'
  /** It is not one complete Query, or one Bind of a named statement with Execute and Sync; or it is too long. */
  | 'form'
  /** It is not known to be a read without side effects. */
  | 'effects'
  /** It is not known to take a short time (only with `auto`). */
  | 'time'
  /** No connection could be shared. */
  | 'connections'
  /** It runs again, after it had moved away from a shared lease. */
  | 'moved';

/** The number of cycles, by the reason. */
export function newReasons(): Record<WhyAlone, number> {
  return { session: 0, turns: 0, form: 0, effects: 0, time: 0, connections: 0, moved: 0 };
}
