import { pinReasonOf, pinDescriptions } from '@sluice/proxy/pin-reason';
import { Flag } from '@sluice/proxy/sql';
import type { Effects } from '@sluice/proxy/sql';
import { judge, onFlag } from './verdict.ts';
import type { Rule, Verdict } from './verdict.ts';

const rules: readonly Rule[] = [
  {
    effect: 'tracks',
    why: 'prepared statements of SQL are known by name, and prepared where the session goes',
    applies: onFlag(Flag.Prepare | Flag.Execute | Flag.Deallocate),
  },
  {
    effect: 'tracks',
    why: 'one listening connection serves the channels of all sessions',
    applies: onFlag(Flag.Listen | Flag.Unlisten),
  },
  {
    effect: 'tracks',
    why: 'DISCARD clears what is known of the session, and ends its pins',
    applies: onFlag(Flag.Discard),
  },
  {
    effect: 'tracks',
    why: 'parameters and the role go with the session from connection to connection',
    applies: onFlag(Flag.SetsParameter | Flag.ChangesRole),
  },
  {
    effect: 'may pin',
    why: 'sessions that use currval() or lastval() are pinned once they have drawn a value',
    applies: onFlag(Flag.ReadsSequence),
  },
  {
    effect: 'checks',
    why: 'what it left in the session is looked for afterwards, and pins only if there is something',
    applies: onFlag(Flag.Procedure | Flag.Do),
  },
];

/** What Sluice does with a statement: its own rules for pins, and else what it tracks. */
export function sluiceVerdict(effects: Effects, text: string): Verdict {
  const reason = pinReasonOf(effects);
  if (reason === null) return judge(rules, effects, text);
  const { because, instead } = pinDescriptions[reason];
  return { effect: 'pins', why: `${because}, until it is gone. ${instead}` };
}
