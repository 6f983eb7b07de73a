import { Stack, Token, type Duration } from 'aws-cdk-lib';
import {
  ManagedPolicy,
  PolicyStatement,
  Role,
  ServicePrincipal,
  type RoleProps,
} from 'aws-cdk-lib/aws-iam';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { partitionOf, suffixOf } from '../resolve/role-wishes.ts';

export interface ProxyRoleProps {
  /** The only secrets that may be read. */
  readonly secrets: readonly ISecret[];
  /**
   * The resource id (db-… or cluster-…) of the database, if the proxy logs in to it with IAM tokens. @default - none
   */
  readonly databaseResourceId?: string | undefined;
  /** The name. @default - CloudFormation chooses one */
  readonly roleName?: string | undefined;
  /** @default '/' */
  readonly path?: string | undefined;
  /** The ARN of the permissions boundary. @default - none */
  readonly permissionsBoundary?: string | undefined;
  /** The longest session. AWS's own services are not limited by it. @default Duration.hours(1) */
  readonly maxSessionDuration?: Duration | undefined;
}

/** The path of a role and its limits. */
export type RolePlace = Pick<ProxyRoleProps, 'path' | 'permissionsBoundary' | 'maxSessionDuration'>;

/**
 * The role with which RDS Proxy reads its secrets: only these, and it can decrypt them only through Secrets Manager.
 */
export class ProxyRole extends Role {
  constructor(scope: Construct, id: string, props: ProxyRoleProps) {
    super(scope, id, {
      assumedBy: new ServicePrincipal('rds.amazonaws.com'),
      description: 'Lets Amazon RDS Proxy read the database secrets',
      ...roleOptions(scope, id, props),
    });
    const statements = [
      ...secretStatements(this, props.secrets),
      ...connectStatements(this, props.databaseResourceId),
    ];
    attachPolicies(this, statements, props.path);
  }
}

/** The path and the limits of a role from its props. */
export function roleOptions(
  scope: Construct,
  id: string,
  props: RolePlace & Pick<ProxyRoleProps, 'roleName'>,
): Pick<RoleProps, 'roleName' | 'path' | 'permissionsBoundary' | 'maxSessionDuration'> {
  const { roleName, path, permissionsBoundary: boundary, maxSessionDuration } = props;
  return {
    ...(maxSessionDuration === undefined ? {} : { maxSessionDuration }),
    ...(roleName === undefined ? {} : { roleName }),
    ...(path === undefined ? {} : { path }),
    ...(boundary === undefined
      ? {}
      : {
          permissionsBoundary: ManagedPolicy.fromManagedPolicyArn(scope, `${id}Boundary`, boundary),
        }),
  };
}

/**
 * Permission to log in to one database with IAM tokens.
 * @param dbUser the database user. @default - any user with the database role rds_iam
 */
export function connectStatements(
  scope: Construct,
  databaseResourceId: string | undefined,
  dbUser = '*',
): PolicyStatement[] {
  const stack = Stack.of(scope);
  const { region, account } = stack;
  const partition = partitionName(stack);
  return databaseResourceId === undefined
    ? []
    : [
        new PolicyStatement({
          actions: ['rds-db:connect'],
          // All users of one database: the users are in the secrets, which are not read here.
          resources: [
            `arn:${partition}:rds-db:${region}:${account}:dbuser:${databaseResourceId}/${dbUser}`,
          ],
        }),
      ];
}

/**
 * The maximum length of a managed policy in characters, minus a reserve for what CloudFormation substitutes for
 * references.
 */
const mostCharacters = 6144 - 300;

/**
 * Attaches statements as managed policies, as many as their length requires. NIST's rule pack refuses inline policies
 * because they escape review.
 */
export function attachPolicies(
  role: Role,
  statements: readonly PolicyStatement[],
  path: string | undefined,
): void {
  packed(statements).forEach((some, index) => {
    role.addManagedPolicy(
      new ManagedPolicy(role, index === 0 ? 'Policy' : `Policy${index + 1}`, {
        statements: some,
        ...(path === undefined ? {} : { path }),
      }),
    );
  });
}

/** Statements in groups that each fit into one policy; a statement with many resources is split. */
function packed(statements: readonly PolicyStatement[]): PolicyStatement[][] {
  const groups: PolicyStatement[][] = [];
  let size = Infinity;
  for (const statement of statements.flatMap(divided)) {
    const length = JSON.stringify(statement.toStatementJson()).length + 1;
    if (size + length > mostCharacters) {
      groups.push([]);
      size = '{"Statement":[],"Version":"2012-10-17"}'.length;
    }
    groups.at(-1)?.push(statement);
    size += length;
  }
  return groups;
}

function divided(statement: PolicyStatement): PolicyStatement[] {
  const { resources } = statement;
  if (JSON.stringify(statement.toStatementJson()).length <= mostCharacters) {
    return [statement];
  }
  const half = Math.ceil(resources.length / 2);
  return [resources.slice(0, half), resources.slice(half)].flatMap((some) =>
    divided(statement.copy({ resources: some })),
  );
}

/** Permission to read exactly these secrets, and to decrypt with their own keys only through Secrets Manager. */
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
                'kms:ViaService': `secretsmanager.${Stack.of(scope).region}.${domainOf(Stack.of(scope))}`,
              },
            },
          }),
        ]),
  ];
}

/** The partition of a stack's region; a token if the region is not known yet. */
function partitionName({ region, partition }: Stack): string {
  return Token.isUnresolved(region) ? partition : partitionOf(region);
}

/** The service domain of a stack's region; a token if the region is not known yet. */
function domainOf({ region, urlSuffix }: Stack): string {
  return Token.isUnresolved(region) ? urlSuffix : suffixOf(region);
}
