import { CfnSecurityGroupIngress, type ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';

/** A separate rule in a group of the database, so that destroy removes the rule and keeps the group. */
export function allowIntoDatabase(
  scope: Construct,
  id: string,
  rule: {
    readonly databaseGroupId: string;
    readonly from: ISecurityGroup;
    readonly port: number;
    readonly description: string;
  },
): CfnSecurityGroupIngress {
  return new CfnSecurityGroupIngress(scope, id, {
    groupId: rule.databaseGroupId,
    ipProtocol: 'tcp',
    fromPort: rule.port,
    toPort: rule.port,
    sourceSecurityGroupId: rule.from.securityGroupId,
    description: rule.description,
  });
}
