import type { Inputs } from '../inputs/table.ts';
import type { Wish } from './identity.ts';
import { baseName, stackName } from './names.ts';

/** What the caller must be allowed, for an apply to succeed. CloudFormation acts with the caller's rights. */
export function callerWishes(inputs: Inputs, roleArn: string | undefined): Wish[] {
  const { aws_account_id: account, aws_region: region } = inputs;
  const stack = `arn:aws:cloudformation:${region}:${account}:stack/${stackName(inputs)}/*`;
  const common: Wish[] = [
    { action: 'cloudformation:CreateChangeSet', resource: stack },
    { action: 'cloudformation:ExecuteChangeSet', resource: stack },
  ];
  if (inputs.engine === 'sluice') {
    const service = `arn:aws:ecs:${region}:${account}:service/sluice-${baseName(inputs)}/*`;
    return [
      ...common,
      { action: 'ecs:CreateService', resource: service },
      { action: 'ecs:RegisterTaskDefinition', resource: '*' },
      { action: 'elasticloadbalancing:CreateLoadBalancer', resource: '*' },
      { action: 'iam:CreateRole', resource: `arn:aws:iam::${account}:role/*` },
    ];
  }
  return [
    ...common,
    { action: 'rds:CreateDBProxy', resource: `arn:aws:rds:${region}:${account}:db-proxy:*` },
    {
      action: 'rds:RegisterDBProxyTargets',
      resource: `arn:aws:rds:${region}:${account}:target-group:*`,
    },
    ...(roleArn === undefined ? [] : [{ action: 'iam:PassRole', resource: roleArn }]),
  ];
}
