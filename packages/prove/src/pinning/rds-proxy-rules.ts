import { Flag } from '@sluice/proxy/sql';
import { onFlag } from './verdict.ts';
import type { Rule } from './verdict.ts';

/** A longer statement pins, in bytes of its text. */
const longestText = 16_384;

/** Temporary objects pin even if they end with the transaction; the flag does not include these. */
const temporary = /\b(?:create|into)\s+(?:(?:local|global|or\s+replace)\s+)*temp(?:orary)?\b/i;

/**
 * What pins a session of Amazon RDS Proxy to its server connection until the client disconnects: the list for
 * PostgreSQL in the user guide of RDS ("Avoiding pinning an RDS Proxy"). According to it, nothing ends a pin.
 */
export const rdsProxyRules: readonly Rule[] = [
  {
    effect: 'pins',
    why: 'the text of the statement is longer than 16 KB',
    applies: (_, text) => Buffer.byteLength(text) > longestText,
  },
  {
    effect: 'pins',
    why: 'SET, RESET and set_config() pin, even to a default value; nothing is tracked for PostgreSQL',
    applies: onFlag(Flag.SetsParameter | Flag.ChangesRole),
  },
  {
    effect: 'pins',
    why: 'PREPARE, EXECUTE, DEALLOCATE and DISCARD pin',
    applies: onFlag(Flag.Prepare | Flag.Execute | Flag.Deallocate | Flag.Discard),
  },
  {
    effect: 'pins',
    why: 'temporary tables, views and sequences pin',
    applies: (effects, text) =>
      (effects.flags & Flag.TemporaryObject) !== 0 || temporary.test(text),
  },
  {
    effect: 'pins',
    why: 'DECLARE CURSOR pins',
    applies: ({ details }) =>
      details.some((detail) => detail.kind === 'cursor' && detail.action === 'declare'),
  },
  { effect: 'pins', why: 'LISTEN pins', applies: onFlag(Flag.Listen) },
  { effect: 'pins', why: 'LOAD of a library pins', applies: onFlag(Flag.Load) },
  { effect: 'pins', why: 'nextval() and setval() pin', applies: onFlag(Flag.SetsSequence) },
  {
    effect: 'pins',
    why: 'session-level advisory locks pin',
    applies: onFlag(Flag.AdvisoryLock),
  },
  {
    effect: 'may pin',
    why: 'the user guide says that SET pins, without an exception for SET LOCAL and set_config(…, true); user reports disagree',
    applies: (effects) =>
      (effects.flags & Flag.SetsLocalParameter) !== 0 && (effects.flags & Flag.Transaction) === 0,
  },
  {
    effect: 'not seen',
    why: 'RDS Proxy does not notice what a procedure or DO block changes, so the next client sees it',
    applies: onFlag(Flag.Procedure | Flag.Do | Flag.OtherState),
  },
];
