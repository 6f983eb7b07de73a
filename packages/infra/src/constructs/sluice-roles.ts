import { ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { secretStatements } from './proxy-role.ts';

interface RoleProps {
  readonly secrets: readonly ISecret[];
  readonly logGroup: ILogGroup;
  readonly imageRepositoryArn?: string | undefined;
}

/** The role by which ECS starts tasks: pulls this image, reads the certificate, writes this log, and nothing else. */
export function executionRole(scope: Construct, id: string, props: RoleProps): Role {
  const role = tasksRole(scope, id, 'Starts tasks of Sluice: image, certificate, log');
  const statements = [
    ...secretStatements(scope, props.secrets),
    new PolicyStatement({
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [props.logGroup.logGroupArn],
    }),
    ...(props.imageRepositoryArn === undefined
      ? []
      : [
          new PolicyStatement({
            actions: [
              'ecr:BatchCheckLayerAvailability',
              'ecr:GetDownloadUrlForLayer',
              'ecr:BatchGetImage',
            ],
            resources: [props.imageRepositoryArn],
          }),
          // Takes no resource: AWS gives out tokens for the whole registry only.
          new PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
        ]),
  ];
  role.addManagedPolicy(new ManagedPolicy(role, 'Policy', { statements }));
  return role;
}

/**
 * The role of the daemon itself: it reads the secrets of the database's users, and nothing else.
 * @param database resource id of the database, when the daemon logs in to it with IAM tokens
 */
export function taskRole(
  scope: Construct,
  id: string,
  secrets: readonly ISecret[],
  database: string | undefined,
): Role {
  const role = tasksRole(scope, id, 'Tasks of Sluice: the secrets of the database users');
  const { partition, region, account } = Stack.of(scope);
  const statements = [
    ...secretStatements(scope, secrets),
    ...(database === undefined
      ? []
      : [
          new PolicyStatement({
            actions: ['rds-db:connect'],
            // Of one database; its users stand in the secrets, which nobody reads here.
            resources: [`arn:${partition}:rds-db:${region}:${account}:dbuser:${database}/*`],
          }),
        ]),
  ];
  role.addManagedPolicy(new ManagedPolicy(role, 'Policy', { statements }));
  return role;
}

function tasksRole(scope: Construct, id: string, description: string): Role {
  return new Role(scope, id, {
    // Only on behalf of this account: ECS cannot be made to use the role for somebody else.
    assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
    description,
  });
}

/** The ARN of the ECR repository that an image's address speaks of; undefined for another registry. */
export function repositoryArn(image: string): string | undefined {
  const match = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com\/([^:@]+)/.exec(image);
  return match === null ? undefined : `arn:aws:ecr:${match[2]}:${match[1]}:repository/${match[3]}`;
}
