import type { MonitoredTarget } from './monitored-target.ts';

/**
 * The other target that represents the same server, or null if this one does. A host name with an IPv4 and an IPv6
 * address gives two targets for one server; counted as two, its connections would count twice. They are one only while
 * both respond and report the same; if an address fails, the other one counts.
 */
export function principalOf(
  monitored: MonitoredTarget,
  monitoredTargets: readonly MonitoredTarget[],
  writer: MonitoredTarget | null,
): MonitoredTarget | null {
  if (monitored === writer) return null;
  if (writer !== null && isSameServer(monitored, writer)) return writer;
  const first = monitoredTargets.find((other) => isSameServer(monitored, other));
  return first === undefined || first === monitored ? null : first;
}

/** The targets without further addresses of the same server. */
export function distinct(
  monitoredTargets: readonly MonitoredTarget[],
  writer: MonitoredTarget | null,
): readonly MonitoredTarget[] {
  return monitoredTargets.filter(
    (monitored) => principalOf(monitored, monitoredTargets, writer) === null,
  );
}

/** Copies of a cluster share its identifier; no two of them started in the same microsecond. */
function isSameServer(one: MonitoredTarget, other: MonitoredTarget): boolean {
  if (one === other) return one.listed;
  if (!one.listed || !other.listed) return false;
  if (one.last?.kind !== 'role' || other.last?.kind !== 'role') return false;
  const { systemId, startedAt, inRecovery } = one.last.role;
  const { role } = other.last;
  return (
    systemId !== null &&
    systemId === role.systemId &&
    startedAt === role.startedAt &&
    inRecovery === role.inRecovery
  );
}
