import type { Effect, Effects } from '../sql/index.ts';
import { Aim } from './aim.ts';
import type { SignalTarget } from './aim.ts';

/** A call of pg_cancel_backend() or pg_terminate_backend() with a process ID in the request. */
export type Signal = Extract<Effect, { readonly kind: 'signal' }>;

export function signalsOf({ details }: Effects): readonly Signal[] {
  return details.filter((effect) => effect.kind === 'signal');
}

/** The client with this process ID, if it is a client of the proxy. */
export type FindTarget = (processId: number) => SignalTarget | number | null;

/** The server processes that a statement signals in place of clients of the proxy. */
export class Aims {
  readonly #aims = new Map<number, Aim>();
  /** Clients with their own server processes, by process ID. */
  readonly #links = new Map<number, number>();

  /** Finds the targets. False: not all are known yet, and `ready` is called when they are. */
  take(
    processId: number,
    ends: boolean,
    { self, find, ready }: { self: SignalTarget; find: FindTarget; ready: () => void },
  ): boolean {
    const known = this.#aims.get(processId);
    if (known !== undefined) return !known.isPending;
    const target = find(processId);
    if (target === null) return true;
    if (typeof target === 'number') {
      this.#links.set(processId, target);
      return true;
    }
    const aim = new Aim(target, { ends, isOwn: target === self }, ready);
    this.#aims.set(processId, aim);
    return !aim.isPending;
  }

  /** The server process for this ID, or null. */
  processFor(processId: number): number | null {
    return this.#links.get(processId) ?? this.#aims.get(processId)?.processId ?? null;
  }

  /** The statement has been answered. */
  release(): void {
    for (const aim of this.#aims.values()) aim.release();
    this.#aims.clear();
    this.#links.clear();
  }
}

/**
 * Replaces the process IDs in the text by those of server processes, in `message` from `textStart`. The numbers keep
 * their length, so that error positions stay correct. Returns whether anything was changed.
 */
export function aimText(
  message: Buffer,
  textStart: number,
  signals: readonly Signal[],
  processFor: (processId: number) => number | null,
): boolean {
  let changed = false;
  for (const signal of signals) {
    if (!('processId' in signal)) continue;
    const digits = String(signal.processId);
    const start = textStart + signal.start;
    const real = processFor(signal.processId);
    // The number may have another notation (5_000_000), or the text another encoding than that in which it was read.
    if (real === null || message.toString('latin1', start, start + digits.length) !== digits)
      continue;
    message.write(String(real).padStart(digits.length, '0'), start, 'latin1');
    changed = true;
  }
  return changed;
}
