import type { Inputs } from '../inputs/table.ts';
import type { Facts, Look } from '../resolve/facts.ts';

/** What a check decides from. It reads nothing itself: the same facts always give the same verdict. */
export interface Subject {
  readonly inputs: Inputs;
  readonly facts: Facts;
}

/** `failed` stops an apply, `warning` does not, `skipped` could not be judged. */
export type Status = 'passed' | 'warning' | 'failed' | 'skipped';

/** What a check came to. */
export interface Verdict {
  readonly status: Status;
  /** What was found, with the values. */
  readonly found: string;
  /** How to fix it; on every failure and warning. */
  readonly fix?: string;
}

/** One preflight check. */
export interface Check {
  /** `PF01`, `PF02`, …; never reused for another meaning. */
  readonly code: string;
  readonly title: string;
  /** The AWS calls it looks at; `inputs` when it needs none. */
  readonly looks: string;
  /** Why it is made: what would happen without it. */
  readonly why: string;
  readonly run: (subject: Subject) => Verdict;
}

/** A check's verdict, as it is shown and as it stands in JSON. */
export interface Finding extends Verdict {
  readonly code: string;
  readonly title: string;
  readonly looks: string;
}

export function passed(found: string): Verdict {
  return { status: 'passed', found };
}

export function failed(found: string, fix: string): Verdict {
  return { status: 'failed', found, fix };
}

export function warning(found: string, fix: string): Verdict {
  return { status: 'warning', found, fix };
}

export function skipped(why: string): Verdict {
  return { status: 'skipped', found: why };
}

/** The verdict on a look that gave nothing: missing things fail, what may not be read is skipped. */
export function notFound(look: Look<unknown>, fix: string): Verdict {
  if ('found' in look) {
    return passed('found');
  }
  return look.absent === 'missing' ? failed(look.detail, fix) : skipped(look.detail);
}

/** Several verdicts on one matter: the worst status, all that was found, all that fixes it. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  const order: readonly Status[] = ['failed', 'warning', 'skipped', 'passed'];
  const status = order.find((one) => verdicts.some((verdict) => verdict.status === one));
  const same = verdicts.filter((verdict) => verdict.status === status);
  const fix = same.flatMap((verdict) => verdict.fix ?? []).join('; ');
  return {
    status: status ?? 'passed',
    found: same.map((verdict) => verdict.found).join('; '),
    ...(fix === '' ? {} : { fix }),
  };
}
