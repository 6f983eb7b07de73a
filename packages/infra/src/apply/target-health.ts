import { DescribeDBProxyTargetsCommand } from '@aws-sdk/client-rds';
import type { Clients } from '../aws/clients.ts';

/** What RDS reports about one target of a proxy. */
export interface TargetHealth {
  readonly target: string;
  readonly state: string;
  readonly reason?: string;
  readonly description?: string;
}

/** How to fix each reason that RDS gives, with the check that verifies it in advance. */
const fixes: Readonly<Record<string, string>> = {
  UNREACHABLE:
    'the proxy cannot reach the database: open the database’s group to the proxy’s group on the database’s port (PF07)',
  CONNECTION_FAILED:
    'the database refuses the connection: it may be full, stopped, or require TLS (PF12, PF13)',
  AUTH_FAILURE:
    'the database refuses the login: correct the user name and password in the secret, and let the role read and decrypt it (PF09, PF10, PF11)',
  PENDING_PROXY_CAPACITY: 'the proxy is still scaling up: wait',
  INVALID_REPLICATION_STATE: 'the target is not a healthy member of its cluster: check the cluster',
  PROMOTED: 'the target has been promoted: give the new cluster or instance',
};

/** How to fix a target that is not available. */
function fixTarget(reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : fixes[reason];
}

export async function readTargetHealth(
  clients: Clients,
  proxyName: string,
): Promise<TargetHealth[]> {
  const answer = await clients.rds.send(
    new DescribeDBProxyTargetsCommand({ DBProxyName: proxyName }),
  );
  return (answer.Targets ?? []).map((target) => ({
    target: target.RdsResourceId ?? target.TrackedClusterId ?? '',
    state: target.TargetHealth?.State ?? 'UNKNOWN',
    ...(target.TargetHealth?.Reason === undefined ? {} : { reason: target.TargetHealth.Reason }),
    ...(target.TargetHealth?.Description === undefined
      ? {}
      : { description: target.TargetHealth.Description }),
  }));
}

/** One line of text for the user. */
export function healthText(health: TargetHealth): string {
  const { target, state, reason, description } = health;
  const fix = fixTarget(reason);
  return [
    `target ${target} is ${state}`,
    ...(reason === undefined
      ? []
      : [`(${reason}${description === undefined ? '' : `: ${description}`})`]),
    ...(fix === undefined ? [] : [`- fix: ${fix}`]),
  ].join(' ');
}
