import { readErrorMessage } from '@sluice/wire';
import type { ErrorFields } from '@sluice/wire';
import { backendNamePrefix } from '../statements/backend-names.ts';

/*
 * What the errors of a database mean for the proxy, apart from what they mean for the client.
 */

/**
 * The SQLSTATEs of a database that may no longer be the writer: it shuts down (57P01), has crashed (57P02), accepts no
 * connections (57P03), or is read-only (25006).
 */
export const notServing: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03', '25006']);

/**
 * Those after which a single statement has had no effect. 57P01: PostgreSQL holds interrupts while a transaction
 * commits, and sends CommandComplete before it processes them. Not 57P02: the crash may have happened between the
 * commit and its reply.
 */
export const rolledBack: ReadonlySet<string> = new Set(['57P01', '25006']);

/** PostgreSQL's "cached plan must not change result type": only the routine distinguishes it from other errors. */
const outdatedPlan = [Buffer.from('C0A000\0'), Buffer.from('RRevalidateCachedQuery\0')];

/** Whether the ErrorResponse in `chunk[at, next)` is that one. */
export function reportsOutdatedPlan(chunk: Buffer, at: number, next: number): boolean {
  const message = chunk.subarray(at, next);
  return outdatedPlan.every((field) => message.includes(field));
}

/** What the proxy assumed to exist, or not to exist, on a server connection. */
export type Assumption = 'statement' | 'portal' | 'name';

/** The assumption that an SQLSTATE contradicts: "does not exist" (26000, 34000), "already exists" (42P05, 42P03). */
const assumptions: ReadonlyMap<string, Assumption> = new Map([
  ['26000', 'statement'],
  ['42P05', 'statement'],
  ['34000', 'portal'],
  ['42P03', 'portal'],
]);

/**
 * The assumption that the ErrorResponse in `chunk[at, next)` contradicts; null for most errors. Only requests of the
 * proxy contain its own names, and it sends them only for what it assumes to exist.
 */
export function contradictedAssumption(chunk: Buffer, at: number, next: number): Assumption | null {
  const message = chunk.subarray(at, next);
  if (!message.includes(backendNamePrefix)) return null;
  return assumptions.get(readErrorMessage(chunk, at, next).sqlstate) ?? null;
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

/** The untranslated severity field of an ErrorResponse after which the database closes the connection. */
const fatalSeverities = [Buffer.from('VFATAL\0'), Buffer.from('VPANIC\0')];

/** Whether the database closes the connection after the ErrorResponse in `chunk[at, next)`. */
export function endsConnection(chunk: Buffer, at: number, next: number): boolean {
  const message = chunk.subarray(at, next);
  return fatalSeverities.some((field) => message.includes(field));
}
