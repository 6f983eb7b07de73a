import type { Member } from './member.ts';

/**
 * The other member that stands for the same server, or null when this one stands for itself. A host name with an IPv4
 * and an IPv6 address gives two members for one server; taken for two, its connections would be counted twice. They are
 * one only while both answer and say the same of themselves; when an address fails, the other one counts.
 */
export function principalOf(
  member: Member,
  members: readonly Member[],
  writer: Member | null,
): Member | null {
  if (member === writer) return null;
  if (writer !== null && isSameServer(member, writer)) return writer;
  const first = members.find((other) => isSameServer(member, other));
  return first === undefined || first === member ? null : first;
}

/** The members without those that are further addresses of a server that is there already. */
export function distinct(members: readonly Member[], writer: Member | null): readonly Member[] {
  return members.filter((member) => principalOf(member, members, writer) === null);
}

/** Copies of a cluster share its identifier; no two of them were started in the same microsecond. */
function isSameServer(one: Member, other: Member): boolean {
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
