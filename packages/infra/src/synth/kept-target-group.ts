import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Model } from '../model/model.ts';
import { stableJson } from '../values.ts';

/** The logical id of a target group that is maintained through the RDS API, since CloudFormation cannot import one. */
const keptTargetGroupId = 'AdoptedTargetGroup';

/** The wanted state of an adopted proxy's target group, in the form of a template. */
function targetGroupProperties({ inputs, proxyName }: Model): Record<string, unknown> {
  return {
    DBProxyName: proxyName,
    TargetGroupName: 'default',
    ...(inputs.DBClusterIdentifier === undefined
      ? { DBInstanceIdentifiers: [inputs.rds_instance_id] }
      : { DBClusterIdentifiers: [inputs.DBClusterIdentifier] }),
    ConnectionPoolConfigurationInfo: {
      MaxConnectionsPercent: inputs.MaxConnectionsPercent,
      MaxIdleConnectionsPercent: inputs.MaxIdleConnectionsPercent,
      ConnectionBorrowTimeout: inputs.ConnectionBorrowTimeout,
      ...(inputs.InitQuery === undefined ? {} : { InitQuery: inputs.InitQuery }),
    },
  };
}

/**
 * Writes the target group into the template's metadata, from where its drift is detected and reverted. CloudFormation
 * treats templates that differ only in metadata as identical, so an output contains it too.
 */
export function keepTargetGroup(scope: Construct, model: Model): CfnOutput {
  const properties = targetGroupProperties(model);
  Stack.of(scope).addMetadata('SluiceKept', {
    [keptTargetGroupId]: { Type: 'AWS::RDS::DBProxyTargetGroup', Properties: properties },
  });
  return new CfnOutput(scope, 'AdoptedTargetGroupSettings', {
    value: stableJson(properties),
    description: 'The target group of the adopted proxy, which apply maintains through the RDS API',
  });
}
