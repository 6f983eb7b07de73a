import { BlockList, isIPv4 } from 'node:net';
import type { Rule } from './facts.ts';

/** The other side of a rule: its groups, and the possible ranges of its address. */
export interface Peer {
  readonly groups: readonly string[];
  readonly cidrs: readonly string[];
}

/** `whole`: every address of the peer; `part`: some of them, or a prefix list, whose contents are not read. */
export type Reach = 'whole' | 'part' | 'none';

/** How much of the peer the rules permit to connect, or to be connected to, over TCP on that port. */
export function reach(rules: readonly Rule[], port: number, peer: Peer): Reach {
  let best: Reach = 'none';
  for (const rule of rules) {
    if (!covers(rule, port)) {
      continue;
    }
    if (rule.groups.some((group) => peer.groups.includes(group))) {
      return 'whole';
    }
    const cidrs = rule.cidrs.filter((cidr) => isIPv4(cidr.split('/')[0] ?? ''));
    if (
      peer.cidrs.length > 0 &&
      peer.cidrs.every((range) => cidrs.some((cidr) => contains(cidr, range)))
    ) {
      return 'whole';
    }
    const overlaps = cidrs.some((cidr) =>
      peer.cidrs.some((range) => contains(cidr, range) || contains(range, cidr)),
    );
    if (overlaps || rule.prefixLists.length > 0) {
      best = 'part';
    }
  }
  return best;
}

/** Whether the rule applies to TCP on that port. */
function covers(rule: Rule, port: number): boolean {
  if (rule.protocol === '-1') {
    return true;
  }
  return (
    (rule.protocol === 'tcp' || rule.protocol === '6') &&
    (rule.fromPort ?? 0) <= port &&
    port <= (rule.toPort ?? 65_535)
  );
}

/** Whether the first IPv4 range contains the whole second one. */
function contains(outer: string, inner: string): boolean {
  const [outerAddress = '', outerBits = '32'] = outer.split('/');
  const [innerAddress = '', innerBits = '32'] = inner.split('/');
  if (!isIPv4(outerAddress) || !isIPv4(innerAddress) || Number(outerBits) > Number(innerBits)) {
    return false;
  }
  const block = new BlockList();
  block.addSubnet(outerAddress, Number(outerBits));
  return block.check(innerAddress);
}
