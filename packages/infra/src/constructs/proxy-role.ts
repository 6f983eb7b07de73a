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
  /** The secrets that may be read; nothing else may. */
  readonly secrets: readonly ISecret[];
  /** The resource id (db-… or cluster-…) of a database that is logged in to with IAM tokens. @default - none */
  readonly databaseResourceId?: string | undefined;
  /** The name. @default - CloudFormation makes one up */
  readonly roleName?: string | undefined;
  /** @default '/' */
  readonly path?: string | undefined;
  /** The ARN of the permissions boundary. @default - none */
  readonly permissionsBoundary?: string | undefined;
  /** The longest session. AWS's own services are not limited by it. @default Duration.hours(1) */
  readonly maxSessionDuration?: Duration | undefined;
}

/** What the props of a role say of where it stands and what bounds it. */
export type RolePlace = Pick<ProxyRoleProps, 'path' | 'permissionsBoundary' | 'maxSessionDuration'>;

/** The role with which RDS Proxy reads its secrets: these and no others, decrypted only by way of Secrets Manager. */
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

/** Where a role stands and what bounds it, as its props say. */
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
 * Logging in to one database with IAM tokens.
 * @param dbUser the database user; any that the database grants rds_iam when not given
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
          // Of one database; its users stand in the secrets, which nobody reads here.
          resources: [
            `arn:${partition}:rds-db:${region}:${account}:dbuser:${databaseResourceId}/${dbUser}`,
          ],
        }),
      ];
}

/** The most characters of a managed policy, less some for what CloudFormation puts in place of references. */
const mostCharacters = 6144 - 300;

/**
 * Attaches statements as managed policies, as many as their length needs. Not as inline policies: NIST's rule pack refuses
 * those, since they escape review.
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

/** Statements in groups that each fit into one policy; one with many resources is divided. */
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
                'kms:ViaService': `secretsmanager.${Stack.of(scope).region}.${domainOf(Stack.of(scope))}`,
              },
            },
          }),
        ]),
  ];
}

/** The partition of a stack's region; a token where the region is not known yet. */
function partitionName({ region, partition }: Stack): string {
  return Token.isUnresolved(region) ? partition : partitionOf(region);
}

/** The domain of the services of a stack's region; a token where the region is not known yet. */
function domainOf({ region, urlSuffix }: Stack): string {
  return Token.isUnresolved(region) ? urlSuffix : suffixOf(region);
}
