import {
  DescribeVpcEndpointServicePermissionsCommand,
  ModifyVpcEndpointServiceConfigurationCommand,
  ModifyVpcEndpointServicePermissionsCommand,
} from '@aws-sdk/client-ec2';
import { DescribeLoadBalancersCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { ChangeResourceRecordSetsCommand, type ResourceRecordSet } from '@aws-sdk/client-route-53';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import type { Clients } from '../../aws/clients.ts';
import type { TemplateResource } from '../../resolve/template.ts';
import { list, record } from '../../values.ts';
import { hostName, readRecord } from '../live-extras.ts';
import type { Restoration, Restorer } from './restorer.ts';

/** Creates the parameter again with the value of the stack's output, if that is known. */
async function putParameter({ clients, id, resource }: Restoration): Promise<void> {
  const { Value: value } = resource.properties;
  if (typeof value !== 'string') {
    throw new TypeError('its value is not known; run sluice aws destroy, then sluice aws apply');
  }
  await clients.ssm.send(
    new PutParameterCommand({ Name: id, Value: value, Type: 'String', Overwrite: true }),
  );
}

/** In one batch, which Route 53 applies atomically: a record of another type would be in the way. */
async function putRecord({ clients, resource }: Restoration): Promise<void> {
  const { HostedZoneId, Type } = resource.properties;
  const wanted = await recordOf(clients, resource);
  const live = await readRecord(clients, resource);
  await clients.route53.send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: String(HostedZoneId),
      ChangeBatch: {
        Changes: [
          ...(live === undefined || live.Type === Type
            ? []
            : [{ Action: 'DELETE', ResourceRecordSet: live } as const]),
          { Action: 'UPSERT', ResourceRecordSet: wanted },
        ],
      },
    }),
  );
}

/** A record of a template in the form of the Route 53 API. */
async function recordOf(
  clients: Clients,
  { properties }: TemplateResource,
): Promise<ResourceRecordSet> {
  const { Name, TTL, ResourceRecords, AliasTarget } = properties;
  const name = String(Name);
  const target =
    AliasTarget === undefined ? list(ResourceRecords)[0] : record(AliasTarget)['DNSName'];
  if (typeof target !== 'string') {
    throw new TypeError('its target is not known; run sluice aws destroy, then sluice aws apply');
  }
  if (AliasTarget === undefined) {
    return { Name: name, Type: 'CNAME', TTL: Number(TTL), ResourceRecords: [{ Value: target }] };
  }
  const { LoadBalancers = [] } = await clients.elb.send(new DescribeLoadBalancersCommand({}));
  const zone = LoadBalancers.find(({ DNSName }) => hostName(DNSName) === hostName(target));
  return {
    Name: name,
    Type: 'A',
    AliasTarget: {
      DNSName: target,
      HostedZoneId: zone?.CanonicalHostedZoneId,
      EvaluateTargetHealth: false,
    },
  };
}

const endpointService: Restorer = {
  set: async ({ clients, id, resource }) => {
    await clients.ec2.send(
      new ModifyVpcEndpointServiceConfigurationCommand({
        ServiceId: id,
        AcceptanceRequired: resource.properties['AcceptanceRequired'] === true,
      }),
    );
  },
  fixed: {
    NetworkLoadBalancerArns:
      'consumers are connected by it: run sluice aws destroy, then sluice aws apply',
  },
  make: 'consumers know it by its name, which would be another one: run sluice aws destroy, then sluice aws apply',
};

const endpointPermissions: Restorer = {
  set: async ({ clients, resource }) => {
    const ServiceId = String(resource.properties['ServiceId']);
    const answer = await clients.ec2.send(
      new DescribeVpcEndpointServicePermissionsCommand({ ServiceId }),
    );
    const live = (answer.AllowedPrincipals ?? []).flatMap(({ Principal }) => Principal ?? []);
    const wanted = list(resource.properties['AllowedPrincipals']).map(String);
    await clients.ec2.send(
      new ModifyVpcEndpointServicePermissionsCommand({
        ServiceId,
        AddAllowedPrincipals: wanted.filter((one) => !live.includes(one)),
        RemoveAllowedPrincipals: live.filter((one) => !wanted.includes(one)),
      }),
    );
  },
  make: 'it exists as long as its endpoint service',
};

/** DNS name, SSM parameters and PrivateLink. */
export const restoreExtras: Readonly<Record<string, Restorer>> = {
  'AWS::SSM::Parameter': { set: putParameter, make: putParameter },
  'AWS::Route53::RecordSet': { set: putRecord, make: putRecord },
  'AWS::EC2::VPCEndpointService': endpointService,
  'AWS::EC2::VPCEndpointServicePermissions': endpointPermissions,
};
