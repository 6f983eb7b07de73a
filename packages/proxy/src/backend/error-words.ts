import { readErrorMessage } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import { backendNamePrefix } from '../statements/backend-names.ts';

/*
 * What the errors of a database say of the database itself, beside what they say to the client.
 */

/**
 * What a database says when it may no longer be the one to ask: it shuts down (57P01), has crashed (57P02), does not
 * take connections (57P03), or is read-only (25006).
 */
export const notServing: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03', '25006']);

/**
 * Of these, the ones after which nothing of a single statement has taken effect. 57P01: while a transaction commits
 * PostgreSQL holds interrupts back, and says CommandComplete before it looks at them again. Not 57P02: a crash may
 * come between the commit and its answer.
 */
export const rolledBack: ReadonlySet<string> = new Set(['57P01', '25006']);

/** PostgreSQL's "cached plan must not change result type": only the routine that says so tells it from others. */
const outdatedPlan = [Buffer.from('C0A000\0'), Buffer.from('RRevalidateCachedQuery\0')];

/** Whether the ErrorResponse in `chunk[at, next)` is that one. */
export function tellsOutdatedPlan(chunk: Buffer, at: number, next: number): boolean {
  const message = chunk.subarray(at, next);
  return outdatedPlan.every((field) => message.includes(field));
}

/** What a server connection was believed to have, or not to have. */
export type Belief = 'statement' | 'portal' | 'name';

/** By the SQLSTATE that contradicts it: "does not exist" (26000, 34000), "already exists" (42P05, 42P03). */
const beliefs: ReadonlyMap<string, Belief> = new Map([
  ['26000', 'statement'],
  ['42P05', 'statement'],
  ['34000', 'portal'],
  ['42P03', 'portal'],
]);

/**
 * The belief that the ErrorResponse in `chunk[at, next)` contradicts; null for most. Only the proxy itself gives requests with
 * names of the proxy's own, and it knows, as it believes, which of these there are.
 */
export function contradictedBelief(chunk: Buffer, at: number, next: number): Belief | null {
  const message = chunk.subarray(at, next);
  if (!message.includes(backendNamePrefix)) return null;
  return beliefs.get(readErrorMessage(chunk, at, next).sqlstate) ?? null;
}

/** The routines of PostgreSQL that check ALTER ROLE … and ALTER DATABASE … CONNECTION LIMIT at login. */
const limitChecks: ReadonlyMap<string, 'role' | 'database'> = new Map([
  ['InitializeSessionUserId', 'role'],
  ['CheckMyDatabase', 'database'],
]);

/** Whose CONNECTION LIMIT refused a login; null: another reason, for example max_connections. */
export function connectionLimitOf({ sqlstate, routine }: ErrorFields): 'role' | 'database' | null {
  return sqlstate === '53300' ? (limitChecks.get(routine ?? '') ?? null) : null;
}

/** The untranslated severity field of an ErrorResponse that is the database's last word. */
const lastWords = [Buffer.from('VFATAL\0'), Buffer.from('VPANIC\0')];

/** Whether the database closes its side after the ErrorResponse in `chunk[at, next)`. */
export function endsConnection(chunk: Buffer, at: number, next: number): boolean {
  const message = chunk.subarray(at, next);
  return lastWords.some((field) => message.includes(field));
}
