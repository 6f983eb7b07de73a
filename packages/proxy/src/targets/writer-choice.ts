import type { MonitoredTarget } from './monitored-target.ts';
import type { Role } from './role.ts';

/**
 * Chooses the writer among the targets. A writer is not in recovery. Within one cluster (system identifier), only the
 * newest timeline ever seen can be the writer, so a former primary that comes back is not. The timelines are kept in
 * memory; after a start, the newest among the responding targets counts.
 */
export class WriterChoice {
  /** The newest timeline of each cluster, by system identifier. */
  readonly #timelines = new Map<string, number>();
  /** The current or last writer; null if none was found. */
  #last: MonitoredTarget | null = null;

  get last(): MonitoredTarget | null {
    return this.#last;
  }

  /** Records the reported role of a target. */
  learn({ systemId, timeline, inRecovery }: Role): void {
    if (systemId === null || timeline === null || inRecovery) return;
    this.#timelines.set(systemId, Math.max(timeline, this.#timelines.get(systemId) ?? 0));
  }

  took(monitored: MonitoredTarget): void {
    this.#last = monitored;
  }

  /**
   * The new writer while there is none, or null if no target has proved to be one. A single target serves without
   * proof: one that is a standby from the start (`standbyServes`), or that refuses the login of the health check.
   */
  best(
    monitoredTargets: readonly MonitoredTarget[],
    standbyServes: boolean,
  ): MonitoredTarget | null {
    const listed = monitoredTargets.filter((monitored) => monitored.listed);
    // At startup, no target is chosen before all were checked: the first to respond may be a former primary.
    if (this.#last === null && listed.some(({ last }) => last === null)) return null;
    const [best] = listed
      .filter((monitored) => this.isWriter(monitored))
      .sort((a, b) => rank(b) - rank(a));
    if (best !== undefined) return best;
    const [only] = listed;
    if (listed.length > 1 || only === undefined) return null;
    const standby = only.last?.kind === 'role' && standbyServes;
    return standby || only.last?.kind === 'unclear' ? only : null;
  }

  /** It accepts writes, and no target of its cluster was promoted after it. */
  isWriter({ target, last }: MonitoredTarget): boolean {
    if (last?.kind !== 'role' || last.role.inRecovery) return false;
    const { systemId, timeline } = last.role;
    if (systemId === null || timeline === null) return true;
    const former = this.#last;
    const cluster = former?.target.role?.systemId ?? null;
    // Another cluster: only if the former one is no longer listed (its name leads elsewhere).
    if (former !== null && cluster !== null && cluster !== systemId && former.listed)
      return target === former.target;
    return timeline >= (this.#timelines.get(systemId) ?? 0);
  }

  /** It replaces `writer` as the writer: promoted after it, or where the name leads now. */
  outranks(monitored: MonitoredTarget, writer: MonitoredTarget): boolean {
    if (!monitored.listed || !this.isWriter(monitored)) return false;
    if (!writer.listed) return true;
    const other = monitored.target.role;
    const { timeline, systemId } = writer.target.role ?? { timeline: null, systemId: null };
    if (timeline === null || other === null || other.timeline === null) return false;
    return other.systemId === systemId && other.timeline > timeline;
  }
}

/** Orders those that accept writes: one that is not read-only first, then the newest timeline. */
function rank({ target }: MonitoredTarget): number {
  const { role } = target;
  if (role === null) return -1;
  return (role.readOnly ? 0 : 2 ** 33) + (role.timeline ?? 0);
}
