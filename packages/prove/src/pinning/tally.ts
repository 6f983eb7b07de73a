import { classify, Flag, normalizedOf } from '@sluice/proxy/sql';
import type { Effects } from '@sluice/proxy/sql';
import type { Pinning, PinningEntry } from '../report/schema.ts';
import { pgbouncerRules } from './pgbouncer-rules.ts';
import { rdsProxyRules } from './rds-proxy-rules.ts';
import { sluiceVerdict } from './sluice-rules.ts';
import { judge, nothing } from './verdict.ts';
import type { Verdict } from './verdict.ts';

/** The maximum number of distinct statements; further ones are counted, but not listed. */
const mostEntries = 2000;

/** The verdicts of the poolers about one statement. */
interface Judgement {
  readonly rdsProxy: Verdict;
  readonly pgbouncer: Verdict;
  readonly sluice: Verdict;
}

interface Entry extends Judgement {
  readonly statement: string;
  count: number;
}

/** Effects that cost a session more than a transaction. */
const lasting = new Set(['pins', 'loses', 'breaks', 'misses']);

/** Counts statements by the verdicts of the poolers, and the sessions that lose their place in the pool. */
export class Tally {
  readonly #entries = new Map<string, Entry>();
  readonly #sessions = {
    seen: new Set<string>(),
    rdsProxy: new Set<string>(),
    pgbouncer: new Set<string>(),
    sluice: new Set<string>(),
  };
  #statements = 0;

  /**
   * Adds a statement `count` times, or with that weight.
   *
   * @param session - the session that sent it, if known.
   */
  add(text: string, count = 1, session?: string): void {
    this.#statements += count;
    const judgement = judgeStatement(text);
    if (session !== undefined) this.#addSession(session, judgement);
    const { rdsProxy, pgbouncer, sluice } = judgement;
    if ([rdsProxy, pgbouncer, sluice].every(({ effect }) => effect === 'nothing')) return;
    const bytes = Buffer.from(text);
    const statement = normalizedOf(bytes, 0, bytes.length);
    const known = this.#entries.get(statement);
    if (known !== undefined) known.count += count;
    else if (this.#entries.size < mostEntries)
      this.#entries.set(statement, { statement, count, rdsProxy, pgbouncer, sluice });
  }

  get statements(): number {
    return this.#statements;
  }

  /** The entries, the most frequent first. */
  entries(): PinningEntry[] {
    return [...this.#entries.values()]
      .toSorted((a, b) => b.count - a.count)
      .map((entry) => ({ ...entry, share: entry.count / Math.max(1e-9, this.#statements) }));
  }

  /** Null if no statement has a known session. */
  sessions(): Pinning['sessions'] {
    const { seen, rdsProxy, pgbouncer, sluice } = this.#sessions;
    if (seen.size === 0) return null;
    return {
      seen: seen.size,
      pinnedOnRdsProxy: rdsProxy.size,
      losingOnPgbouncer: pgbouncer.size,
      pinnedOnSluice: sluice.size,
    };
  }

  #addSession(session: string, judgement: Judgement): void {
    this.#sessions.seen.add(session);
    for (const pooler of ['rdsProxy', 'pgbouncer', 'sluice'] as const)
      if (lasting.has(judgement[pooler].effect)) this.#sessions[pooler].add(session);
  }
}

/** The verdicts of the poolers about one statement. */
export function judgeStatement(text: string): Judgement {
  let effects = classify(text);
  // A text whose literals were replaced, as in a digest, may no longer be valid SQL: SET NAMES $1.
  if (isRefused(effects)) effects = classify(text.replaceAll(/\$\d+/g, "'x'"));
  if (isRefused(effects)) return { rdsProxy: nothing, pgbouncer: nothing, sluice: nothing };
  return {
    rdsProxy: judge(rdsProxyRules, effects, text),
    pgbouncer: judge(pgbouncerRules, effects, text),
    sluice: sluiceVerdict(effects, text),
  };
}

/** A server refuses it too, so it has no effect. A digest with replaced literals may be such a text. */
function isRefused({ flags, reason }: Effects): boolean {
  return (flags & Flag.Opaque) !== 0 && reason === 'syntax';
}
