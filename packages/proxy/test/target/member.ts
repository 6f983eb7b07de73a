import assert from 'node:assert/strict';
import type { CheckResult } from '../../src/target/health-check.ts';
import { HealthCheck } from '../../src/target/health-check.ts';
import type { Member } from '../../src/target/member.ts';
import type { Role } from '../../src/target/role.ts';
import { Target } from '../../src/target/target.ts';

/** A target that has answered so; nothing is dialled. */
export function member(name: string, last: Partial<Role> | CheckResult | null): Member {
  const place = { name, host: name, port: 5432, serverName: name };
  const shares = { maxConnectionsPercent: 100, maxIdleConnectionsPercent: 50 };
  const nobody = {
    connect: () => assert.fail('nothing is dialled'),
    evidence: () => undefined,
  };
  const target = new Target(place, shares, nobody);
  const check = new HealthCheck(target, null, {
    login: () => assert.fail('nothing is dialled'),
    lost: () => undefined,
    peers: () => undefined,
  });
  let result: CheckResult | null = null;
  if (last !== null && 'kind' in last) result = last;
  else if (last !== null) {
    const role = {
      inRecovery: false,
      readOnly: false,
      startedAt: '',
      capacity: 100,
      systemId: 'one',
      timeline: 1,
      position: 0,
      ...last,
    };
    target.learn(role);
    result = { kind: 'role', role };
  }
  return { target, check, listed: true, silent: 0, last: result, toldLag: 0 };
}
