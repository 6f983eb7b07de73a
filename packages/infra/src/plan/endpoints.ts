import { Template } from '../resolve/template.ts';
import type { Change } from './changes.ts';

/** What happens to the host name that clients connect to. */
export interface EndpointChange {
  readonly now?: string;
  readonly changes: boolean;
  readonly detail: string;
}

/** The resources that determine the name of the endpoint: the proxy and the load balancer. */
const endpointTypes = new Set(['AWS::RDS::DBProxy', 'AWS::ElasticLoadBalancingV2::LoadBalancer']);

/** Other names that clients may connect to. */
const furtherTypes = new Set([
  'AWS::RDS::DBProxyEndpoint',
  'AWS::EC2::VPCEndpointService',
  'AWS::Route53::RecordSet',
]);

export function endpointChange(
  deployed: Readonly<Record<string, unknown>>,
  changes: readonly Change[],
  now: string | undefined,
): EndpointChange {
  const before = new Template(deployed).engine();
  if (before === undefined || now === undefined || now === '') {
    return { changes: false, detail: 'a new endpoint is created' };
  }
  return changes.some((change) => endpointTypes.has(change.type) && goes(change))
    ? {
        now,
        changes: true,
        detail: `THE ENDPOINT CHANGES ITS NAME: ${now} IS REMOVED AT THE END OF THE APPLY; POINT CLIENTS AT THE NEW ONE`,
      }
    : { now, changes: false, detail: `the endpoint stays ${now}` };
}

/** The changes that remove a name which clients may be using. Such a change always needs the user's consent. */
export function lostEndpoints(changes: readonly Change[]): Change[] {
  return changes.filter(
    (change) => (endpointTypes.has(change.type) || furtherTypes.has(change.type)) && goes(change),
  );
}

function goes({ action }: Change): boolean {
  return action === 'replace' || action === 'remove';
}
