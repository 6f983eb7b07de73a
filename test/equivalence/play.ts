import { setTimeout as delay } from 'node:timers/promises';
import { query } from '../helpers/messages.ts';
import { Player } from './player.ts';
import type { Connect } from './player.ts';
import { isWorldly, outside, takesEffectLater } from './script.ts';
import type { Script, SessionNumber } from './script.ts';
import type { Entry, Transcript } from './transcript.ts';

/** How the sessions of a script run: each step after the previous one, or every session at its own pace. */
export type Pace = 'in step' | 'together';

export interface PlayOptions {
  readonly pace: Pace;
  /**
   * The number of server connections, beside those of pinned sessions. In step, a session that had to wait for one
   * would wait forever: its step is skipped, on direct connections too.
   */
  readonly connections: number;
}

/** Where a script runs. */
export interface Scene {
  readonly connect: Connect;
  /** Changes the world on a connection outside the sessions. */
  readonly change: (text: string) => Promise<Entry>;
  /** Makes changed login-time settings known immediately; undefined: the script waits for that. */
  readonly hurry?: (() => Promise<void>) | undefined;
}

/**
 * Facts that PostgreSQL evaluates at login, or reads from the configuration, apply to new sessions within a second, so
 * the script waits this long.
 */
export const settlingMs = 1_100;

/** Runs a script, and returns what its clients saw. */
export async function play(
  script: Script,
  { connect, change, hurry }: Scene,
  { pace: wanted, connections }: PlayOptions,
): Promise<Transcript> {
  // The order of logins matters if the change affects everybody.
  const pace = isWorldly(script) ? 'in step' : wanted;
  const players = new Map<SessionNumber, Player>();
  for (const { session } of script) {
    if (session !== outside && !players.has(session)) players.set(session, new Player(connect));
  }
  const playerOf = (session: SessionNumber): Player => {
    const player = players.get(session);
    if (player === undefined) throw new Error(`session ${session} is not in the script`);
    return player;
  };
  const mustWait = (player: Player): boolean => {
    const leaseholders = [...players.values()].filter((other) => other.inTransaction);
    return pace === 'in step' && !player.inTransaction && leaseholders.length >= connections;
  };

  let settled = 0;
  const settle = async (): Promise<void> => {
    const left = settled - performance.now();
    if (left > 0) await delay(left);
  };
  const changeWorld = async (text: string): Promise<Entry | null> => {
    // It would wait for locks.
    if ([...players.values()].some(({ inTransaction }) => inTransaction)) return null;
    const entry = await change(text);
    if (!takesEffectLater(text)) return entry;
    if (hurry !== undefined && !text.includes('pg_reload_conf')) {
      await hurry();
      return entry;
    }
    settled = performance.now() + settlingMs;
    if (text.includes('pg_reload_conf')) await settle();
    return entry;
  };

  const entries: (Entry | null)[] = [];
  const run = async (sessions: readonly SessionNumber[]): Promise<void> => {
    for (const [index, step] of script.entries()) {
      if ('world' in step) {
        entries[index] = await changeWorld(step.world);
        continue;
      }
      if (!sessions.includes(step.session)) continue;
      const player = playerOf(step.session);
      if ('connect' in step || !player.isConnected) await settle();
      entries[index] = mustWait(player) ? null : await player.take(step);
    }
    // Those in a transaction go first: others may need their connections for the final statements.
    const order = sessions.toSorted(
      (a, b) => Number(playerOf(b).inTransaction) - Number(playerOf(a).inTransaction),
    );
    for (const session of order) {
      entries[script.length + session] = await playerOf(session).finish(lastWords);
    }
  };
  const all = [...players.keys()];
  await (pace === 'in step' ? run(all) : Promise.all(all.map((session) => run([session]))));
  return {
    entries,
    notifications: new Map(all.map((session) => [session, playerOf(session).notifications])),
  };
}

/** The final queries of every live session: everything that it can know about its state. */
const lastWords = query(`ROLLBACK; SELECT current_user, session_user,
  (SELECT pg_catalog.string_agg(name || '=' || coalesce(setting, ''), ' ' ORDER BY name)
    FROM pg_catalog.pg_settings WHERE name IN ('application_name', 'array_nulls', 'bytea_output',
      'client_encoding', 'client_min_messages', 'DateStyle', 'default_transaction_isolation',
      'default_transaction_read_only', 'extra_float_digits', 'IntervalStyle', 'quote_all_identifiers',
      'row_security', 'search_path', 'standard_conforming_strings', 'statement_timeout', 'TimeZone',
      'transform_null_equals', 'work_mem', 'temp_buffers', 'lock_timeout', 'session_replication_role')),
  current_setting('app.user_id', true), current_setting('app.tenant', true),
  current_setting('app.n', true), current_setting('app.h', true), current_setting('sluice.x', true),
  (SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = pg_my_temp_schema()),
  (SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()),
  (SELECT string_agg(name, ' ' ORDER BY name) FROM pg_catalog.pg_cursors)`);
