import { bodyAt, boundValue, readInt4, writeInt4, writeLength } from '@sluice/wire';
import { aimText } from './aims.ts';
import type { Signal } from './aims.ts';
import type { StatementOwner } from './request-owner.ts';

/*
 * Requests that signal processes: clients know the process IDs of the proxy, and PostgreSQL those of its server
 * processes. Each function gets a copy of a message, so that the bytes of the client stay unchanged for a retry.
 */

/** The session, as seen by the requests that signal processes. */
export type AimingOwner = Pick<StatementOwner, 'aim' | 'processFor' | 'clientProcessId'>;

/** Finds the clients that a Query signals. False: not immediately. */
export function aimQuery(owner: AimingOwner, signals: readonly Signal[]): boolean {
  return aim(owner, signals, () => null);
}

/** Whether the Query got other process IDs. */
export function redirectQuery(
  owner: AimingOwner,
  signals: readonly Signal[],
  query: Buffer,
): boolean {
  return aimText(query, bodyAt(0), signals, (id) => owner.processFor(id));
}

/** Whether the Parse of the unnamed statement got other process IDs. */
export function redirectParse(
  owner: AimingOwner,
  signals: readonly Signal[],
  parse: Buffer,
): boolean {
  // The text follows the empty name.
  return aimText(parse, bodyAt(0) + 1, signals, (id) => owner.processFor(id));
}

/**
 * Finds the clients that a Bind signals, and replaces the process IDs in its values, which begin at `valuesAt`. False:
 * not all clients are known immediately; nothing was replaced.
 */
export function redirectBind(
  owner: AimingOwner,
  signals: readonly Signal[],
  bind: Buffer,
  valuesAt: number,
): boolean {
  const valueOf = (parameter: number): number | null => {
    const value = boundValue(bind, valuesAt, parameter);
    return value === null ? null : readInt4(bind, value);
  };
  if (!aim(owner, signals, valueOf)) return false;
  for (const signal of signals) {
    const value = 'parameter' in signal ? boundValue(bind, valuesAt, signal.parameter) : null;
    const real = value === null ? null : owner.processFor(readInt4(bind, value) ?? 0);
    if (value !== null && real !== null) writeInt4(bind, value, real);
  }
  return true;
}

/** A copy of the Bind without the statement name at `[start, end)`, so that it binds the unnamed statement. */
export function withoutName(bind: Buffer, start: number, end: number): Buffer {
  const unnamed = Buffer.concat([bind.subarray(0, start), bind.subarray(end)]);
  writeLength(unnamed);
  return unnamed;
}

/** `valueOf` returns the value of a parameter. */
function aim(
  owner: AimingOwner,
  signals: readonly Signal[],
  valueOf: (parameter: number) => number | null,
): boolean {
  let isAimed = true;
  for (const signal of signals) {
    const processId =
      'parameter' in signal
        ? valueOf(signal.parameter)
        : 'isOwn' in signal
          ? owner.clientProcessId
          : signal.processId;
    if (processId !== null && !owner.aim(processId, signal.ends)) isAimed = false;
  }
  return isAimed;
}
