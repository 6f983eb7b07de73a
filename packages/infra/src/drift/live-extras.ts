import {
  DescribeVpcEndpointServiceConfigurationsCommand,
  DescribeVpcEndpointServicePermissionsCommand,
} from '@aws-sdk/client-ec2';
import { ListResourceRecordSetsCommand, type ResourceRecordSet } from '@aws-sdk/client-route-53';
import { GetParameterCommand } from '@aws-sdk/client-ssm';
import type { Clients } from '../aws/clients.ts';
import type { TemplateResource } from '../resolve/template.ts';
import { list, record } from '../values.ts';
import { Compared, type LiveReader } from './live.ts';

const parameter: LiveReader = async ({ clients, resource, id }) => {
  const { Parameter: live } = await clients.ssm.send(new GetParameterCommand({ Name: id }));
  return live === undefined
    ? undefined
    : { Type: live.Type, Value: knownOnly(resource.properties['Value'], live.Value) };
};

/** A value that refers to something that cannot be looked up here says nothing about drift. */
function knownOnly(applied: unknown, live: unknown): Compared {
  return new Compared(typeof applied === 'string' ? applied : live, live);
}

/** The record of that name, whatever its current type. */
export async function readRecord(
  clients: Clients,
  { properties: { HostedZoneId, Name: name } }: TemplateResource,
): Promise<ResourceRecordSet | undefined> {
  const answer = await clients.route53.send(
    new ListResourceRecordSetsCommand({
      HostedZoneId: String(HostedZoneId),
      StartRecordName: String(name),
    }),
  );
  return answer.ResourceRecordSets?.find((one) => hostName(one.Name) === hostName(name));
}

/** Route 53 ends names with a dot, and sometimes starts those of load balancers with `dualstack.`. */
export function hostName(name: unknown): string {
  return String(name)
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/^dualstack\./, '');
}

const recordSet: LiveReader = async ({ clients, resource }) => {
  const live = await readRecord(clients, resource);
  if (live === undefined) {
    return undefined;
  }
  const { TTL, AliasTarget, ResourceRecords } = resource.properties;
  const target =
    AliasTarget === undefined ? list(ResourceRecords)[0] : record(AliasTarget)['DNSName'];
  const now = live.AliasTarget?.DNSName ?? live.ResourceRecords?.[0]?.Value;
  return {
    Type: live.Type,
    ...(TTL === undefined ? {} : { TTL: live.TTL === undefined ? undefined : String(live.TTL) }),
    Target: knownOnly(typeof target === 'string' ? hostName(target) : target, hostName(now)),
  };
};

const endpointService: LiveReader = async ({ clients, id }) => {
  const answer = await clients.ec2.send(
    new DescribeVpcEndpointServiceConfigurationsCommand({ ServiceIds: [id] }),
  );
  const live = answer.ServiceConfigurations?.[0];
  return live === undefined
    ? undefined
    : {
        AcceptanceRequired: live.AcceptanceRequired,
        NetworkLoadBalancerArns: live.NetworkLoadBalancerArns,
      };
};

const endpointPermissions: LiveReader = async ({ clients, resource }) => {
  const answer = await clients.ec2.send(
    new DescribeVpcEndpointServicePermissionsCommand({
      ServiceId: String(resource.properties['ServiceId']),
    }),
  );
  return { AllowedPrincipals: (answer.AllowedPrincipals ?? []).map(({ Principal }) => Principal) };
};

/** DNS name, SSM parameters and PrivateLink, which both engines can have. */
export const liveExtras: Readonly<Record<string, LiveReader>> = {
  'AWS::SSM::Parameter': parameter,
  'AWS::Route53::RecordSet': recordSet,
  'AWS::EC2::VPCEndpointService': endpointService,
  'AWS::EC2::VPCEndpointServicePermissions': endpointPermissions,
};
