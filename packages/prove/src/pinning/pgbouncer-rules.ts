import { Flag } from '@sluice/proxy/sql';
import type { Effects } from '@sluice/proxy/sql';
import { onFlag } from './verdict.ts';
import type { Rule } from './verdict.ts';

/**
 * Parameters that PgBouncer 1.25 tracks across server connections in transaction pooling: built-in ones, and the
 * default of `track_extra_parameters`.
 */
const tracked = new Set([
  'application_name',
  'client_encoding',
  'datestyle',
  'intervalstyle',
  'standard_conforming_strings',
  'timezone',
]);

/** Sets an untracked parameter for the session. */
function setsUntracked({ flags, details }: Effects): boolean {
  if ((flags & Flag.SetsParameter) === 0) return false;
  return details.some(
    (detail) =>
      detail.kind === 'parameter' &&
      !detail.local &&
      (typeof detail.names === 'string' || detail.names.some((name) => !tracked.has(name))),
  );
}

/** The text does not show which parameter it sets: set_config($1, …). */
function isUnknown({ details }: Effects): boolean {
  return details.some((detail) => detail.kind === 'parameter' && detail.names === 'unknown');
}

function resetsAll({ details }: Effects): boolean {
  return details.some((detail) => detail.kind === 'parameter' && detail.names === 'all');
}

function deallocatesAll({ details }: Effects): boolean {
  return details.some((detail) => detail.kind === 'deallocate' && detail.name === undefined);
}

/**
 * What PgBouncer loses in transaction pooling, mostly without an error (its page "Features", "SQL feature map for
 * pooling modes").
 */
export const pgbouncerRules: readonly Rule[] = [
  {
    effect: 'misses',
    why: 'RESET ALL and DISCARD run on the next server connection, not on those that the session has used',
    applies: (effects) => resetsAll(effects) || (effects.flags & Flag.Discard) !== 0,
  },
  {
    effect: 'loses',
    why: 'the role stays on the server connection: the next client runs with it, and this client no longer does',
    applies: (effects) => (effects.flags & Flag.ChangesRole) !== 0 && !isUnknown(effects),
  },
  {
    effect: 'loses',
    why: 'the parameter stays on the server connection: another client gets it, and this client may not',
    applies: setsUntracked,
  },
  {
    effect: 'loses',
    why: 'notifications go to a server connection that the session no longer has',
    applies: onFlag(Flag.Listen),
  },
  {
    effect: 'loses',
    why: 'the temporary object stays on a server connection: this client loses it, and others see it',
    applies: onFlag(Flag.TemporaryObject),
  },
  {
    effect: 'loses',
    why: 'the lock stays with the server connection: this client can no longer release it, and other clients hold it',
    applies: onFlag(Flag.AdvisoryLock),
  },
  {
    effect: 'misses',
    why: 'it runs on a server connection that may not hold the lock: PostgreSQL warns, and the lock stays',
    applies: onFlag(Flag.AdvisoryUnlock),
  },
  {
    effect: 'loses',
    why: 'the cursor WITH HOLD stays on a server connection that the session no longer has',
    applies: onFlag(Flag.HoldableCursor),
  },
  {
    effect: 'loses',
    why: 'the library is loaded on one server connection, which later statements may or may not use',
    applies: onFlag(Flag.Load),
  },
  {
    effect: 'loses',
    why: 'currval() and lastval() return the value of the last client that used the sequence on that server connection, or fail',
    applies: onFlag(Flag.ReadsSequence),
  },
  {
    effect: 'breaks',
    why: 'a SQL-level prepared statement exists on one server connection only: EXECUTE fails on the others',
    applies: (effects) =>
      (effects.flags & (Flag.Prepare | Flag.Execute)) !== 0 ||
      ((effects.flags & Flag.Deallocate) !== 0 && !deallocatesAll(effects)),
  },
  {
    effect: 'loses',
    why: 'the state stays on the server connection',
    applies: onFlag(Flag.OtherState),
  },
  {
    effect: 'not seen',
    why: 'the side effects of a procedure or DO block stay on the server connection',
    applies: onFlag(Flag.Procedure | Flag.Do),
  },
];
