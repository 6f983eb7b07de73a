import type { Trace } from './snapshot.ts';

/** What a session may find because it is its own. */
export interface Belongings {
  /** Names of SQL-level prepared statements. */
  readonly names: readonly string[];
  readonly channels: readonly string[];
}

/** What differs between processes, or says nothing about a session. */
const unsteady: ReadonlySet<string> = new Set([
  'setting transaction_isolation',
  'setting transaction_read_only',
  'setting transaction_deferrable',
]);

/** Libraries that are known to keep no session state. */
const harmless = /^(plpgsql|dict_snowball|\w+_and_\w+)\b/;

/**
 * The differences between a connection and a new one with the same parameters, in words; without what belongs to the
 * session.
 */
export function strangers(
  found: readonly Trace[],
  expected: readonly Trace[],
  { names, channels }: Belongings,
): string[] {
  const problems: string[] = [];
  const [there, here] = [keyed(expected), keyed(found)];
  for (const [key, trace] of here) {
    const { kind, name, value } = trace;
    const wanted = there.get(key)?.value;
    if (wanted === value || unsteady.has(`${kind} ${name}`)) continue;
    if (kind === 'prepared' && names.includes(name)) continue;
    if (kind === 'channel' && channels.includes(name)) continue;
    if (kind === 'library' && harmless.test(name)) continue;
    // An empty custom parameter is one whose name PostgreSQL cannot forget.
    if (kind === 'custom' && value === '' && wanted === undefined) continue;
    problems.push(
      `${kind} ${name}${value === '' ? '' : ` is "${value}"`}${wanted === undefined ? '' : ` and not "${wanted}"`}`,
    );
  }
  for (const [key, { kind, name, value }] of there) {
    if (here.has(key) || kind === 'library' || unsteady.has(`${kind} ${name}`)) continue;
    problems.push(`${kind} ${name} is not "${value}"`);
  }
  return problems;
}

/** By kind and name; what may exist more than once is kept each time. */
function keyed(traces: readonly Trace[]): Map<string, Trace> {
  const byKey = new Map<string, Trace>();
  for (const trace of traces) {
    if (trace.kind === 'random') continue;
    const several = trace.kind === 'lock' ? ` ${trace.value}` : '';
    byKey.set(`${trace.kind} ${trace.name}${several}`, trace);
  }
  return byKey;
}
