import assert from 'node:assert/strict';
import type { CheckResult } from '../../src/targets/health-check.ts';
import { HealthCheck } from '../../src/targets/health-check.ts';
import type { MonitoredTarget } from '../../src/targets/monitored-target.ts';
import type { Role } from '../../src/targets/role.ts';
import { Target } from '../../src/targets/target.ts';

/** A target with this last response; nothing connects. */
export function monitored(name: string, last: Partial<Role> | CheckResult | null): MonitoredTarget {
  const place = { name, host: name, port: 5432, endpoint: name, serverName: name };
  const shares = { maxConnectionsPercent: 100, maxIdleConnectionsPercent: 50 };
  const nobody = {
    connect: () => assert.fail('nothing is dialled'),
    query: () => false,
    failureSignal: () => undefined,
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
  return { target, check, listed: true, silent: 0, last: result, reportedLag: 0 };
}
