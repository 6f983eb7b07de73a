import { CfnOutput } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** The outputs of the original project, by its names. */
export interface StackOutputs {
  /** The host name that clients dial; the port is 5432. */
  readonly rds_proxy_endpoint: string;
  readonly rds_proxy_subnet_ids: readonly string[];
  /** The role that reads the secret: the given one, or for engine sluice that of the tasks. */
  readonly rds_proxy_role_arn: string;
  readonly rds_security_group_ids: readonly string[];
  readonly rds_secret_arn: string;
}

/** CloudFormation's output keys take letters and digits only. */
export const outputKeys: Readonly<Record<keyof StackOutputs, string>> = {
  rds_proxy_endpoint: 'RdsProxyEndpoint',
  rds_proxy_subnet_ids: 'RdsProxySubnetIds',
  rds_proxy_role_arn: 'RdsProxyRoleArn',
  rds_security_group_ids: 'RdsSecurityGroupIds',
  rds_secret_arn: 'RdsSecretArn',
};

/** Writes the outputs into the stack; lists are joined by commas. */
export function writeOutputs(scope: Construct, outputs: StackOutputs): CfnOutput[] {
  return [
    one(scope, 'rds_proxy_endpoint', outputs.rds_proxy_endpoint),
    one(scope, 'rds_proxy_subnet_ids', outputs.rds_proxy_subnet_ids.join(',')),
    one(scope, 'rds_proxy_role_arn', outputs.rds_proxy_role_arn),
    one(scope, 'rds_security_group_ids', outputs.rds_security_group_ids.join(',')),
    one(scope, 'rds_secret_arn', outputs.rds_secret_arn),
  ];
}

function one(scope: Construct, name: keyof StackOutputs, value: string): CfnOutput {
  const output = new CfnOutput(scope, `Output${outputKeys[name]}`, { value, description: name });
  output.overrideLogicalId(outputKeys[name]);
  return output;
}

/** A stack's outputs back under the original names. */
export function readOutputs(outputs: Readonly<Record<string, string>>): StackOutputs {
  const text = (name: keyof StackOutputs): string => outputs[outputKeys[name]] ?? '';
  const texts = (name: keyof StackOutputs): string[] =>
    text(name)
      .split(',')
      .filter((entry) => entry !== '');
  return {
    rds_proxy_endpoint: text('rds_proxy_endpoint'),
    rds_proxy_subnet_ids: texts('rds_proxy_subnet_ids'),
    rds_proxy_role_arn: text('rds_proxy_role_arn'),
    rds_security_group_ids: texts('rds_security_group_ids'),
    rds_secret_arn: text('rds_secret_arn'),
  };
}
