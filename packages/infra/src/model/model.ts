import { InfraError } from '../errors.ts';
import type { Inputs } from '../inputs/table.ts';
import { stackName } from '../resolve/names.ts';
import type { Resolved } from '../resolve/resolved.ts';
import { budget } from './budget.ts';
import type { Identity } from './identity.ts';

/** A database user, with the complete ARN of its secret. */
export interface ModelSecret {
  readonly name: string;
  readonly arn: string;
  readonly keyArn?: string;
  readonly description?: string;
  readonly iamAuth: 'DISABLED' | 'REQUIRED';
  readonly clientPasswordAuthType: 'POSTGRES_SCRAM_SHA_256' | 'POSTGRES_MD5';
}

/** Everything that a template depends on: the inputs together with the ids. Nothing remains to be looked up. */
export interface Model {
  readonly stackName: string;
  readonly proxyName: string;
  readonly subnetIds: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly inputs: Inputs;
  readonly resolved: Resolved;
  readonly secrets: readonly ModelSecret[];
  /** Server connections of one Sluice task; undefined if max_connections is unknown and no PoolSize is given. */
  readonly poolSize: number | undefined;
  /** The initial number of tasks of a new service; autoscaling decides for an existing one. */
  readonly desiredTasks: number | 'keep';
  /** Whether the proxy was created elsewhere and adopted: `apply` maintains its target group through the RDS API. */
  readonly adopted: boolean;
}

/** What the model depends on, in addition to inputs and ids. */
export interface ModelOptions {
  /** @default - MinTasks */
  readonly desiredTasks?: number | 'keep';
  /** @default false */
  readonly adopted?: boolean;
}

/**
 * Creates the model. Has no side effects.
 * @throws InfraError INPUTS_INVALID if an id is missing, or the connection budget does not fit
 */
export function makeModel(
  inputs: Inputs,
  resolved: Resolved,
  identity: Identity,
  { desiredTasks = inputs.MinTasks, adopted = false }: ModelOptions = {},
): Model {
  const problems: string[] = [];
  const wanted = [
    ...(inputs.rds_secret_name === undefined
      ? []
      : [
          {
            SecretName: inputs.rds_secret_name,
            Description: undefined,
            IAMAuth: undefined,
            ClientPasswordAuthType: undefined,
          },
        ]),
    ...inputs.Auth,
  ];
  const secrets = wanted.flatMap((entry): ModelSecret[] => {
    const arn = resolved.secret_arns[entry.SecretName];
    if (arn === undefined) {
      problems.push(`the ids have no secret_arns."${entry.SecretName}"`);
      return [];
    }
    const keyArn = resolved.secret_key_arns[entry.SecretName];
    return [
      {
        name: entry.SecretName,
        arn,
        ...(keyArn === undefined ? {} : { keyArn }),
        ...(entry.Description === undefined ? {} : { description: entry.Description }),
        iamAuth: entry.IAMAuth ?? inputs.IAMAuth,
        clientPasswordAuthType: entry.ClientPasswordAuthType ?? inputs.ClientPasswordAuthType,
      },
    ];
  });
  if (inputs.engine === 'rds-proxy' && !inputs.CreateRole && resolved.role_arn === undefined) {
    problems.push('the ids have no role_arn, and CreateRole is false');
  }
  if (!inputs.CreateSecurityGroup && resolved.security_group_ids.length === 0) {
    problems.push('the ids have no security_group_ids, and CreateSecurityGroup is false');
  }
  const pool = poolSize(inputs, resolved);
  problems.push(...pool.problems);
  if (problems.length > 0) {
    throw new InfraError('INPUTS_INVALID', problems);
  }
  return {
    stackName: stackName(inputs),
    proxyName: identity.proxyName,
    subnetIds: [...identity.subnetIds].sort(),
    tags: {
      ...inputs.rds_proxy_tags,
      'sluice:stack': stackName(inputs),
      'sluice:engine': inputs.engine,
    },
    inputs,
    resolved,
    secrets,
    poolSize: pool.size,
    desiredTasks,
    adopted,
  };
}

function poolSize(
  inputs: Inputs,
  resolved: Resolved,
): { readonly size: number | undefined; readonly problems: readonly string[] } {
  if (inputs.engine !== 'sluice') {
    return { size: undefined, problems: [] };
  }
  if (resolved.max_connections === undefined) {
    return inputs.PoolSize === undefined
      ? {
          size: undefined,
          problems: [
            'max_connections of the database is not known, so the pool size cannot be worked out; give PoolSize (PoolSize × 2 × MaxTasks must not exceed its share), or max_connections in the ids',
          ],
        }
      : { size: inputs.PoolSize, problems: [] };
  }
  const fit = budget(inputs, resolved.max_connections);
  return {
    size: fit.poolSize,
    problems: fit.fits ? [] : [`the connection budget does not fit: ${fit.detail}; ${fit.fix}`],
  };
}
