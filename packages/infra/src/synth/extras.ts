import { CfnRecordSet } from 'aws-cdk-lib/aws-route53';
import { CfnParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import type { Inputs } from '../inputs/table.ts';
import { outputTexts, type StackOutputs } from './outputs.ts';

/** How long resolvers keep a CNAME, in seconds: the time until a change of the endpoint is seen everywhere. */
const timeToLive = 30;

/** What an engine gives the stack: its outputs, and where Route 53 knows its endpoint by a hosted zone. */
export interface EngineResources {
  readonly outputs: StackOutputs;
  /** The hosted zone of the endpoint, for an alias record. @default - the endpoint has none, so a CNAME is needed */
  readonly aliasZone?: string;
}

/**
 * A name of the user's own in front of the endpoint: an alias record for a load balancer, a CNAME for RDS Proxy, for which
 * Route 53 has no alias. Both have the same logical id: when the engine changes, CloudFormation changes the type of the
 * record in place. Two resources could not follow each other, since Route 53 takes no other record beside a CNAME. For the
 * same reason a dual-stack balancer has a CNAME: aliases would be two records, A and AAAA.
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
