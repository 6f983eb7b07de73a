import { Key } from 'aws-cdk-lib/aws-kms';
import { Secret, type ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';

/** A secret as a construct, by its complete ARN: RDS refuses partial ARNs. */
export function importSecret(
  scope: Construct,
  id: string,
  secret: { readonly arn: string; readonly keyArn?: string | undefined },
): ISecret {
  return Secret.fromSecretAttributes(scope, id, {
    secretCompleteArn: secret.arn,
    ...(secret.keyArn === undefined
      ? {}
      : { encryptionKey: Key.fromKeyArn(scope, `${id}Key`, secret.keyArn) }),
  });
}
