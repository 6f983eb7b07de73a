import { CfnOutput } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** The outputs of the original project, with its names, and others that teams need. */
export interface StackOutputs {
  /** The host name that clients connect to: DnsName if it is given. */
  readonly rds_proxy_endpoint: string;
  readonly rds_proxy_port: string;
  /** The ARN of the proxy; for engine sluice that of the load balancer. */
  readonly rds_proxy_arn: string;
  /**
   * The id to which rds-db:connect refers: prx-…; for engine sluice that of the database, if clients use IAM tokens.
   */
  readonly rds_proxy_resource_id: string;
  /**
   * The resource for rds-db:connect in the policies of clients, for all users; empty for engine sluice without IAM
   * tokens.
   */
  readonly rds_proxy_connect_arn: string;
  /** More endpoints: name to host name; `privatelink` is the name of the endpoint service. */
  readonly rds_proxy_endpoints: Readonly<Record<string, string>>;
  readonly rds_proxy_subnet_ids: readonly string[];
  /** The role that reads the secret: the given one, or for engine sluice that of the tasks. */
  readonly rds_proxy_role_arn: string;
  readonly rds_security_group_ids: readonly string[];
  readonly rds_secret_arn: string;
}

/** CloudFormation's output keys consist of letters and digits only. */
export const outputKeys: Readonly<Record<keyof StackOutputs, string>> = {
  rds_proxy_endpoint: 'RdsProxyEndpoint',
  rds_proxy_port: 'RdsProxyPort',
  rds_proxy_arn: 'RdsProxyArn',
  rds_proxy_resource_id: 'RdsProxyResourceId',
  rds_proxy_connect_arn: 'RdsProxyConnectArn',
  rds_proxy_endpoints: 'RdsProxyEndpoints',
  rds_proxy_subnet_ids: 'RdsProxySubnetIds',
  rds_proxy_role_arn: 'RdsProxyRoleArn',
  rds_security_group_ids: 'RdsSecurityGroupIds',
  rds_secret_arn: 'RdsSecretArn',
};

/** An output as one text: lists are joined by commas, more endpoints as `name=host`. */
function textOf(value: StackOutputs[keyof StackOutputs]): string {
  if (typeof value === 'string') {
    return value;
  }
  return isList(value)
    ? value.join(',')
    : Object.entries(value)
        .map(([name, host]) => `${name}=${host}`)
        .join(',');
}

function isList(
  value: readonly string[] | Readonly<Record<string, string>>,
): value is readonly string[] {
  return Array.isArray(value);
}

/** Every output with a value, by name; CloudFormation refuses empty ones. */
export function outputTexts(outputs: StackOutputs): (readonly [name: string, text: string])[] {
  return Object.entries<StackOutputs[keyof StackOutputs]>({ ...outputs }).flatMap(
    ([name, value]) => {
      const text = textOf(value);
      return text === '' ? [] : [[name, text] as const];
    },
  );
}

/** Writes the outputs into the stack. */
export function writeOutputs(scope: Construct, outputs: StackOutputs): CfnOutput[] {
  return outputTexts(outputs).map(([name, value]) => {
    // outputTexts returns only names of StackOutputs.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const key = outputKeys[name as keyof StackOutputs];
    const output = new CfnOutput(scope, `Output${key}`, { value, description: name });
    output.overrideLogicalId(key);
    return output;
  });
}

/** Maps a stack's outputs back to the original names. */
export function readOutputs(outputs: Readonly<Record<string, string>>): StackOutputs {
  const text = (name: keyof StackOutputs): string => outputs[outputKeys[name]] ?? '';
  const texts = (name: keyof StackOutputs): string[] =>
    text(name)
      .split(',')
      .filter((entry) => entry !== '');
  return {
    rds_proxy_endpoint: text('rds_proxy_endpoint'),
    rds_proxy_port: text('rds_proxy_port'),
    rds_proxy_arn: text('rds_proxy_arn'),
    rds_proxy_resource_id: text('rds_proxy_resource_id'),
    rds_proxy_connect_arn: text('rds_proxy_connect_arn'),
    rds_proxy_endpoints: Object.fromEntries(
      texts('rds_proxy_endpoints').map((entry) => {
        const at = entry.indexOf('=');
        return [entry.slice(0, at), entry.slice(at + 1)];
      }),
    ),
    rds_proxy_subnet_ids: texts('rds_proxy_subnet_ids'),
    rds_proxy_role_arn: text('rds_proxy_role_arn'),
    rds_security_group_ids: texts('rds_security_group_ids'),
    rds_secret_arn: text('rds_secret_arn'),
  };
}
