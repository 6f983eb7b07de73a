import { pinDescriptions } from '@sluice/proxy/pin-reason';
import { pinReasonOf } from '@sluice/proxy/pin-reason-of';
import { Flag } from '@sluice/proxy/sql';
import type { Effects } from '@sluice/proxy/sql';
import { judge, onFlag } from './verdict.ts';
import type { Rule, Verdict } from './verdict.ts';

const rules: readonly Rule[] = [
  {
    effect: 'tracks',
    why: 'Sluice tracks SQL-level prepared statements by name, and prepares them on each server connection that the session uses',
    applies: onFlag(Flag.Prepare | Flag.Execute | Flag.Deallocate),
  },
  {
    effect: 'tracks',
    why: 'one listening connection listens for all sessions',
    applies: onFlag(Flag.Listen | Flag.Unlisten),
  },
  {
    effect: 'tracks',
    why: 'DISCARD clears the tracked state of the session, and unpins it',
    applies: onFlag(Flag.Discard),
  },
  {
    effect: 'tracks',
    why: 'Sluice tracks parameters and the role, and replays them on each server connection',
    applies: onFlag(Flag.SetsParameter | Flag.ChangesRole),
  },
  {
    effect: 'may pin',
    why: 'if the application uses currval() or lastval(), nextval() and setval() pin the session',
    applies: onFlag(Flag.ReadsSequence),
  },
  {
    effect: 'checks',
    why: 'Sluice probes for session state afterwards, and pins only if it finds some',
    applies: onFlag(Flag.Procedure | Flag.Do),
  },
];

/** What Sluice does with a statement: its own rules for pins, otherwise what it tracks. */
export function sluiceVerdict(effects: Effects, text: string): Verdict {
  const reason = pinReasonOf(effects);
  if (reason === null) return judge(rules, effects, text);
  const { because, instead } = pinDescriptions[reason];
  return { effect: 'pins', why: `${because}, until it is gone. ${instead}` };
}
