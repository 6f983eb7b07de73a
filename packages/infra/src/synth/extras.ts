import { CfnRecordSet } from 'aws-cdk-lib/aws-route53';
import { CfnParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import type { Inputs } from '../inputs/table.ts';
import { outputTexts, type StackOutputs } from './outputs.ts';

/** How long resolvers cache a CNAME, in seconds: after this time every client sees a change of the endpoint. */
const timeToLive = 30;

/**
 * What the resources of an engine give to the stack: its outputs and, for Route 53, the hosted zone of its endpoint.
 */
export interface EngineResources {
  readonly outputs: StackOutputs;
  /** The hosted zone of the endpoint, for an alias record. @default - the endpoint has none, so a CNAME is needed */
  readonly aliasZone?: string;
}

/**
 * The user's own DNS name for the endpoint: an alias record for a load balancer, a CNAME for RDS Proxy, for which Route
 * 53 has no alias. Both have the same logical id, so that CloudFormation changes the type of the record in place when
 * the engine changes. Two resources could not replace each other, since Route 53 permits no other record beside a
 * CNAME. For the same reason a dual-stack load balancer has a CNAME: aliases would be two records, A and AAAA.
 */
export function nameEndpoint(
  scope: Construct,
  inputs: Inputs,
  { outputs, aliasZone }: EngineResources,
): StackOutputs {
  const { DnsName: name, HostedZoneId: hostedZoneId } = inputs;
  if (name === undefined || hostedZoneId === undefined) {
    return outputs;
  }
  const record = new CfnRecordSet(scope, 'DnsName', {
    name,
    hostedZoneId,
    ...(aliasZone === undefined || inputs.EndpointNetworkType === 'DUAL'
      ? {
          type: 'CNAME',
          ttl: String(timeToLive),
          resourceRecords: [outputs.rds_proxy_endpoint],
        }
      : {
          type: 'A',
          aliasTarget: {
            dnsName: outputs.rds_proxy_endpoint,
            hostedZoneId: aliasZone,
            evaluateTargetHealth: false,
          },
        }),
  });
  return {
    ...outputs,
    rds_proxy_endpoint: record.name,
    rds_proxy_endpoints: { ...outputs.rds_proxy_endpoints, default: outputs.rds_proxy_endpoint },
  };
}

/** The outputs as SSM parameters: PREFIX/endpoint, PREFIX/port, … */
export function writeParameters(
  scope: Construct,
  inputs: Inputs,
  outputs: StackOutputs,
): CfnParameter[] {
  const { OutputParameterPrefix: prefix } = inputs;
  if (prefix === undefined) {
    return [];
  }
  return outputTexts(outputs).map(([name, value]) => {
    const short = name.replace(/^rds_(?:proxy_)?/, '');
    return new CfnParameter(scope, `Parameter${short.replaceAll('_', '')}`, {
      name: `${prefix}/${short}`,
      type: 'String',
      value,
      description: `${name} of the proxy`,
    });
  });
}
