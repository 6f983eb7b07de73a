import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { ecrAddress } from '../resolve/image.ts';
import { partitionOf } from '../resolve/role-wishes.ts';
import {
  attachPolicies,
  connectStatements,
  roleOptions,
  secretStatements,
  type RolePlace,
} from './proxy-role.ts';

interface ExecutionRoleProps extends RolePlace {
  readonly secrets: readonly ISecret[];
  readonly logGroup: ILogGroup;
  readonly imageRepositoryArn?: string | undefined;
  /** Whether the repository is a pull-through cache. */
  readonly pullThrough?: boolean | undefined;
}

/** The role with which ECS starts tasks. It may only pull this image, read the certificate and write this log. */
export function executionRole(scope: Construct, id: string, props: ExecutionRoleProps): Role {
  const role = tasksRole(scope, id, 'Starts tasks of Sluice: image, certificate, log', props);
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
              // The first pull of an image creates the repository and imports the image.
              ...(props.pullThrough === true
                ? ['ecr:BatchImportUpstreamImage', 'ecr:CreateRepository']
                : []),
            ],
            resources: [props.imageRepositoryArn],
          }),
          // Has no resource: AWS issues tokens only for the whole registry.
          new PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
        ]),
  ];
  attachPolicies(role, statements, props.path);
  return role;
}

interface TaskRoleProps extends RolePlace {
  readonly secrets: readonly ISecret[];
  /** The resource id of the database, if the daemon logs in to it with IAM tokens. */
  readonly database: string | undefined;
  /** Whether commands may be run in the tasks (ECS Exec). */
  readonly execute: boolean;
}

/** The role of the daemon itself. It may only read the secrets of the database's users. */
export function taskRole(scope: Construct, id: string, props: TaskRoleProps): Role {
  const role = tasksRole(scope, id, 'Tasks of Sluice: the secrets of the database users', props);
  const statements = [
    ...secretStatements(scope, props.secrets),
    ...connectStatements(scope, props.database),
    ...(props.execute ? [executeStatement()] : []),
  ];
  attachPolicies(role, statements, props.path);
  return role;
}

/** The permissions of the ECS Exec agent in a task. None of these actions takes a resource. */
function executeStatement(): PolicyStatement {
  return new PolicyStatement({
    actions: [
      'ssmmessages:CreateControlChannel',
      'ssmmessages:CreateDataChannel',
      'ssmmessages:OpenControlChannel',
      'ssmmessages:OpenDataChannel',
    ],
    resources: ['*'],
  });
}

function tasksRole(scope: Construct, id: string, description: string, place: RolePlace): Role {
  return new Role(scope, id, {
    // Only on behalf of this account: another account cannot make ECS use the role.
    assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
    description,
    ...roleOptions(scope, id, place),
  });
}

/** The ARN of the ECR repository in the address of an image; undefined for another registry. */
export function repositoryArn(image: string): string | undefined {
  const address = ecrAddress(image);
  return address === undefined
    ? undefined
    : `arn:${partitionOf(address.region)}:ecr:${address.region}:${address.account}:repository/${address.repository}`;
}
