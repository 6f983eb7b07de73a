import type { Inputs } from '../inputs/table.ts';
import type { Facts, Look } from '../resolve/facts.ts';

/** The input of a check. A check reads nothing itself: the same facts always give the same verdict. */
export interface Subject {
  readonly inputs: Inputs;
  readonly facts: Facts;
}

/** `failed` prevents an apply, `warning` does not, `skipped` could not be decided. */
export type Status = 'passed' | 'warning' | 'failed' | 'skipped';

/** The result of a check. */
export interface Verdict {
  readonly status: Status;
  /** What the check found, with the values. */
  readonly found: string;
  /** How to fix it; present on every failure and warning. */
  readonly fix?: string;
}

/** One preflight check. */
export interface Check {
  /** `PF01`, `PF02`, …; never reused for another meaning. */
  readonly code: string;
  readonly title: string;
  /** The AWS calls that it needs; `inputs` if it needs none. */
  readonly looks: string;
  /** The reason for the check: what would happen without it. */
  readonly why: string;
  readonly run: (subject: Subject) => Verdict;
}

/** A check's verdict, as it is shown and as it appears in JSON. */
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

/**
 * The verdict on a failed look-up: a missing resource fails the check, and one that the caller is not allowed to read
 * skips it.
 */
export function notFound(look: Look<unknown>, fix: string): Verdict {
  if ('found' in look) {
    return passed('found');
  }
  return look.absent === 'missing' ? failed(look.detail, fix) : skipped(look.detail);
}

/** Combines several verdicts: the worst status, everything that was found, and every fix. */
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
