import type { MonitoredTarget } from './monitored-target.ts';
import type { Role } from './role.ts';

/**
 * Which of the targets is the writer. A writer is not in recovery; of one cluster (system identifier) only the newest
 * timeline ever seen may be the writer, so a former primary that comes back is not. The memory of timelines is this
 * process's own: after a start, the newest among those that answer counts.
 */
export class WriterChoice {
  /** The newest timeline seen of each cluster, by system identifier. */
  readonly #timelines = new Map<string, number>();
  /** The writer of now, or the last one; null while none was found. */
  #last: MonitoredTarget | null = null;

  get last(): MonitoredTarget | null {
    return this.#last;
  }

  /** Takes note of what a target said of itself. */
  learn({ systemId, timeline, inRecovery }: Role): void {
    if (systemId === null || timeline === null || inRecovery) return;
    this.#timelines.set(systemId, Math.max(timeline, this.#timelines.get(systemId) ?? 0));
  }

  took(monitored: MonitoredTarget): void {
    this.#last = monitored;
  }

  /**
   * The target to take for the writer while there is none, or null when none has proved to be. A single target is
   * served as it is when there is no choice: one that is a standby from the start (`standbyServes`), or that does not
   * let the health check in.
   */
  best(
    monitoredTargets: readonly MonitoredTarget[],
    standbyServes: boolean,
  ): MonitoredTarget | null {
    const listed = monitoredTargets.filter((monitored) => monitored.listed);
    // At the start nobody is taken before everybody was asked: the first to answer may be a former primary.
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

  /** It takes writes, and nobody of its cluster was promoted after it. */
  isWriter({ target, last }: MonitoredTarget): boolean {
    if (last?.kind !== 'role' || last.role.inRecovery) return false;
    const { systemId, timeline } = last.role;
    if (systemId === null || timeline === null) return true;
    const former = this.#last;
    const cluster = former?.target.role?.systemId ?? null;
    // Another cluster altogether: only when the former one is not to be asked any more (its name points elsewhere).
    if (former !== null && cluster !== null && cluster !== systemId && former.listed)
      return target === former.target;
    return timeline >= (this.#timelines.get(systemId) ?? 0);
  }

  /** It is the writer in place of `writer`: promoted after it, or where the name points now. */
  outranks(monitored: MonitoredTarget, writer: MonitoredTarget): boolean {
    if (!monitored.listed || !this.isWriter(monitored)) return false;
    if (!writer.listed) return true;
    const other = monitored.target.role;
    const { timeline, systemId } = writer.target.role ?? { timeline: null, systemId: null };
    if (timeline === null || other === null || other.timeline === null) return false;
    return other.systemId === systemId && other.timeline > timeline;
  }
}

/** Orders those that take writes: one that is not read-only first, then the newest timeline. */
function rank({ target }: MonitoredTarget): number {
  const { role } = target;
  if (role === null) return -1;
  return (role.readOnly ? 0 : 2 ** 33) + (role.timeline ?? 0);
}
