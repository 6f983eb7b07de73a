import { Stack } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';

export interface ProxyRoleProps {
  /** The secrets that may be read; nothing else may. */
  readonly secrets: readonly ISecret[];
  /** The name. @default - CloudFormation makes one up */
  readonly roleName?: string;
}

/** The role by which RDS Proxy reads its secrets: these and no others, decrypted only by way of Secrets Manager. */
export class ProxyRole extends Role {
  constructor(scope: Construct, id: string, props: ProxyRoleProps) {
    super(scope, id, {
      assumedBy: new ServicePrincipal('rds.amazonaws.com'),
      description: 'Lets Amazon RDS Proxy read the database secrets',
      ...(props.roleName === undefined ? {} : { roleName: props.roleName }),
    });
    const statements = secretStatements(this, props.secrets);
    if (statements.length > 0) {
      // Not an inline policy: NIST's rule pack refuses those, since they escape review.
      this.addManagedPolicy(new ManagedPolicy(this, 'Policy', { statements }));
    }
  }
}

/** Reading exactly these secrets, and decrypting with their own keys only through Secrets Manager. */
export function secretStatements(scope: Construct, secrets: readonly ISecret[]): PolicyStatement[] {
  if (secrets.length === 0) {
    return [];
  }
  const keys = secrets.flatMap((secret) => secret.encryptionKey?.keyArn ?? []);
  return [
    new PolicyStatement({
      actions: ['secretsmanager:GetSecretValue'],
      resources: secrets.map((secret) => secret.secretArn),
    }),
    ...(keys.length === 0
      ? []
      : [
          new PolicyStatement({
            actions: ['kms:Decrypt'],
            resources: [...new Set(keys)],
            conditions: {
              StringEquals: {
                'kms:ViaService': `secretsmanager.${Stack.of(scope).region}.amazonaws.com`,
              },
            },
          }),
        ]),
  ];
}
