import { mask } from '../distinct.ts';
import { Flag } from '../sql/index.ts';
import type { Effect, Effects } from '../sql/index.ts';
import { identities, isCustom, quoteText } from './parameter-set.ts';
import { isAscii, setConfig, textSql } from './replay-sql.ts';

/*
 * RESET restores the start values of the server process, which are not those of the client. So the client's start
 * values are set again directly after each statement that may have reset them.
 */

/** The start parameters of a client, in PostgreSQL's notation. */
export type StartValues = ReadonlyMap<string, string>;

/** Statements that may reset a parameter have one of these flags. */
export const mayReset: number = mask(
  Flag.SetsParameter,
  Flag.SetsLocalParameter,
  Flag.ChangesRole,
  Flag.Discard,
  Flag.Execute,
  Flag.Do,
  Flag.Procedure,
);

/** What to run after one statement of a text. */
export interface Restoration {
  /** The index of the statement. */
  readonly position: number;
  readonly statements: readonly string[];
  /** It has no effect outside a transaction. */
  readonly isLocal: boolean;
}

/** The context of a text, in addition to its effects. */
export interface RestorationContext {
  readonly start: StartValues;
  /** The current parameters of the session. */
  readonly current: ReadonlyMap<string, string>;
  /** The effects of an EXECUTE of this name. */
  readonly bodyOf: (name: string) => Effects | undefined;
  /** Whether the parameter $n of the statement is NULL; undefined: unknown. */
  readonly isNull?: (parameter: number) => boolean | undefined;
}

/** How deep an EXECUTE of a prepared EXECUTE is followed. */
const deepest = 8;

/** What to run after which statement of a text, so that the next one finds the start values. */
export function restorationsOf(
  { details, positions }: Effects,
  context: RestorationContext,
  depth = 0,
): Restoration[] {
  const found: Restoration[] = [];
  /** The statements that the text itself has prepared so far. */
  const prepared = new Map<string, Effects>();
  for (const [at, effect] of details.entries()) {
    const position = positions[at] ?? 0;
    if (effect.kind === 'prepare') prepared.set(effect.name, effect.body);
    if (effect.kind === 'execute') {
      const known = prepared.get(effect.name) ?? context.bodyOf(effect.name);
      const body = depth < deepest ? known : undefined;
      if (body === undefined) continue;
      const { start, current, bodyOf } = context;
      for (const inner of restorationsOf(body, { start, current, bodyOf }, depth + 1))
        found.push({ ...inner, position });
      continue;
    }
    const statements = statementsBehind(effect, context);
    const isLocal = effect.kind === 'parameter' && effect.local;
    if (statements.length > 0) found.push({ position, statements, isLocal });
  }
  return found;
}

function statementsBehind(effect: Effect, context: RestorationContext): string[] {
  const { start } = context;
  const names = [...start.keys()];
  if (effect.kind === 'discard' && effect.what === 'all')
    return names.map((name) => setAgain(name, start, false));
  if (effect.kind !== 'parameter') return [];
  const { local } = effect;
  // RESET ALL does not change role and session_authorization.
  if (effect.names === 'all')
    return names
      .filter((name) => !identities.includes(name))
      .map((name) => setAgain(name, start, local));
  if (effect.names === 'unknown') return setIfReset(names, context, local);
  // PostgreSQL resets the role together with the session user.
  const given = effect.names.map((name) => (name === 'session_authorization' ? 'role' : name));
  const reset = given.filter((name) => start.has(name));
  if (effect.reset === true) return reset.map((name) => setAgain(name, start, local));
  if (effect.mayReset !== true) return [];
  const isNull = effect.valueFrom === undefined ? undefined : context.isNull?.(effect.valueFrom);
  if (isNull === false) return [];
  if (isNull === true) return reset.map((name) => setAgain(name, start, local));
  return setIfReset(reset, context, local);
}

/** Sets those parameters again that a statement has reset, as far as their source in PostgreSQL shows it. */
export function setIfReset(
  names: readonly string[],
  { start, current }: Pick<RestorationContext, 'start' | 'current'>,
  isLocal: boolean,
): string[] {
  const statements: string[] = [];
  const rows = names
    .filter((name) => !identities.includes(name) && !isCustom(name))
    .map((name) => `(${textSql(name)},${textSql(start.get(name) ?? '')})`);
  if (rows.length > 0)
    statements.push(
      `SELECT pg_catalog.set_config(s.name,v.w,${String(isLocal)}) IS NULL FROM pg_catalog.pg_settings s,` +
        `(VALUES ${rows.join(',')}) v(n,w) WHERE pg_catalog.lower(s.name) OPERATOR(pg_catalog.=) v.n ` +
        "AND s.source OPERATOR(pg_catalog.<>) 'session'",
    );
  // RESET ROLE or SET ROLE NONE: PostgreSQL does not show which. The client's start role is the safe choice.
  const role = start.get('role');
  if (role !== undefined && names.includes('role') && current.has('role'))
    statements.push(
      `SELECT ${setConfig('role', role, isLocal)} IS NULL ` +
        "WHERE pg_catalog.current_setting('role') OPERATOR(pg_catalog.=) 'none'",
    );
  return statements;
}

/**
 * Sets a parameter to its start value. SET takes no snapshot, so SET TRANSACTION can still follow. But it cannot
 * express a text that is stored as bytes, or a list in a notation other than its own.
 */
function setAgain(name: string, start: StartValues, isLocal: boolean): string {
  const value = start.get(name) ?? '';
  const written = lists.has(name) ? asList(value) : isAscii(value) ? quoteText(value) : null;
  if (written === null || !isAscii(name))
    return `SELECT ${setConfig(name, value, isLocal)} IS NULL`;
  const quoted = name
    .split('.')
    .map((part) => `"${part.replaceAll('"', '""')}"`)
    .join('.');
  return `SET ${isLocal ? 'LOCAL ' : ''}${quoted} TO ${written}`;
}

/** Parameters whose values are lists of names that SET quotes individually (GUC_LIST_QUOTE). */
const lists: ReadonlySet<string> = new Set(['search_path', 'temp_tablespaces']);

/** A name that PostgreSQL does not quote; no keyword matches. */
const plainName =
  /^(?:public|pg_[a-z_]+|(?!current_|session_|system_|json_|merge_)[a-z]+_[a-z0-9_]*)$/;

/** The list in the notation of SET; null if SET would write it differently. */
function asList(value: string): string | null {
  const names = value.split(', ');
  const isWritten = (name: string): boolean => name === '"$user"' || plainName.test(name);
  return names.every(isWritten)
    ? names.map((name) => quoteText(name.replaceAll('"', ''))).join(',')
    : null;
}
