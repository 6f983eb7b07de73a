import { InfraError } from '../errors.ts';
import { parseFields } from '../inputs/parse.ts';
import { readInputsFile } from '../inputs/sources.ts';
import type { InputSpec, ValuesOf } from '../inputs/spec.ts';
import type { Inputs } from '../inputs/table.ts';
import { chooseSubnets } from './choose-subnets.ts';
import { maxConnections } from './database.ts';
import { found, type Facts, type SecurityGroup } from './facts.ts';
import { madeByStack } from './made.ts';
import { secretNames } from './names.ts';

/** The ids of the resources that the inputs name: synth needs them and cannot look them up offline. */
export const resolvedFields = {
  subnet_ids: {
    type: 'strings',
    required: true,
    doc: 'The subnets that carry the tags of vpc_subnet_filter_tag, or SubnetIds.',
  },
  subnet_zones: {
    type: 'map',
    default: {},
    doc: 'The zone id of each subnet: the load balancer of engine sluice takes one subnet per zone.',
  },
  security_group_ids: {
    type: 'strings',
    default: [],
    doc: 'The group named rds_security_group_name; empty when it is to be created.',
  },
  open_group_rules: {
    type: 'strings',
    default: [],
    doc: 'Inbound rules of your groups that are open to the whole world, as text; the security rules judge them.',
  },
  role_arn: {
    type: 'string',
    doc: 'The ARN of rds_proxy_role; not needed with CreateRole or with engine sluice.',
  },
  secret_arns: {
    type: 'map',
    default: {},
    doc: 'The complete ARN of each secret, by its name in the inputs.',
  },
  secret_key_arns: {
    type: 'map',
    default: {},
    doc: 'The key of each secret that has its own, by the secret’s name in the inputs.',
  },
  vpc_cidrs: { type: 'strings', default: [], doc: 'The address ranges of the VPC.' },
  database_host: {
    type: 'string',
    required: true,
    doc: 'The host name of the instance, or the writer’s of the cluster.',
  },
  cluster_serverless_max: {
    type: 'integer',
    min: 1,
    max: 1024,
    doc: 'The most capacity units of a Serverless v2 cluster; the price of RDS Proxy depends on them.',
  },
  cluster_members: {
    type: 'integer',
    min: 0,
    max: 16,
    doc: 'Instances of the cluster, each of which RDS Proxy counts.',
  },
  database_port: { type: 'integer', default: 5432, min: 1, max: 65_535, doc: 'Its port.' },
  database_resource_id: {
    type: 'string',
    doc: 'The resource id (db-… or cluster-…), to which rds-db:connect refers.',
  },
  database_security_group_ids: {
    type: 'strings',
    default: [],
    doc: 'The security groups of the database.',
  },
  database_vcpus: {
    type: 'integer',
    min: 1,
    max: 1024,
    doc: 'vCPUs of the database’s class; the price of RDS Proxy depends on them.',
  },
  max_connections: {
    type: 'integer',
    min: 1,
    max: 262_143,
    doc: 'max_connections of the database; the budget of engine sluice depends on it.',
  },
  log_group_exists: {
    type: 'boolean',
    default: false,
    doc: 'Whether the log group already exists and belongs to no stack.',
  },
} as const satisfies Record<string, InputSpec>;

export type Resolved = ValuesOf<typeof resolvedFields>;

/** Reads a file of ids in JSON, YAML or HCL, for synth without AWS. */
export async function readResolved(file: string): Promise<Resolved> {
  return checkResolved(await readInputsFile(file), file);
}

/** @throws InfraError INPUTS_INVALID with all problems */
export function checkResolved(value: Readonly<Record<string, unknown>>, where: string): Resolved {
  const parsed = parseFields('resolved', value, resolvedFields);
  if ('problems' in parsed) {
    throw new InfraError(
      'INPUTS_INVALID',
      parsed.problems.map((problem) => `${where}: ${problem}`),
    );
  }
  // parseFields has checked every field against the table from which Resolved is derived.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return parsed.value as Resolved;
}

/**
 * The ids from the facts. Complete if no preflight check has failed; otherwise those that exist, or undefined if they
 * are too few for a template.
 */
export function resolve(inputs: Inputs, facts: Facts, logGroup: string): Resolved | undefined {
  const database = found(facts.database);
  const cluster = found(facts.cluster);
  const { chosen } = chooseSubnets(facts, inputs);
  const secrets = Object.entries(facts.secrets).flatMap(([name, look]) => {
    const secret = found(look);
    return secret === undefined ? [] : ([[name, secret]] as const);
  });
  const tls = found(facts.tlsSecret);
  if (inputs.TlsSecretName !== undefined && tls !== undefined) {
    secrets.push([inputs.TlsSecretName, tls]);
  }
  const credentials = found(facts.imageSecret);
  if (inputs.ImageCredentialsSecretName !== undefined && credentials !== undefined) {
    secrets.push([inputs.ImageCredentialsSecretName, credentials]);
  }
  if (
    database === undefined ||
    chosen.length === 0 ||
    secrets.length < secretNames(inputs).length
  ) {
    return undefined;
  }
  return {
    subnet_ids: chosen.map((subnet) => subnet.id),
    subnet_zones: Object.fromEntries(chosen.map((subnet) => [subnet.id, subnet.zoneId])),
    security_group_ids: inputs.CreateSecurityGroup
      ? []
      : (found(facts.namedGroups) ?? []).map((group) => group.id),
    role_arn: found(facts.role)?.arn,
    secret_arns: Object.fromEntries(secrets.map(([name, secret]) => [name, secret.arn])),
    secret_key_arns: Object.fromEntries(
      secrets.flatMap(([name, { kmsKeyId }]) => {
        const look = kmsKeyId === undefined ? undefined : facts.keys[kmsKeyId];
        const key = look === undefined ? undefined : found(look);
        return key === undefined || key.awsManaged ? [] : [[name, key.arn]];
      }),
    ),
    vpc_cidrs: found(facts.vpc)?.cidrs ?? [],
    database_host: cluster?.host ?? database.host,
    database_port: cluster?.port ?? database.port,
    database_resource_id: cluster?.resourceId ?? database.resourceId,
    database_security_group_ids: cluster?.securityGroupIds ?? database.securityGroupIds,
    cluster_serverless_max:
      cluster?.serverlessMax === undefined ? undefined : Math.ceil(cluster.serverlessMax),
    cluster_members: cluster?.members.length,
    open_group_rules: openRules(inputs.CreateSecurityGroup ? [] : (found(facts.namedGroups) ?? [])),
    database_vcpus: found(facts.capacity)?.vcpus,
    max_connections: maxConnections(
      found(facts.parameters)?.['max_connections'],
      found(facts.capacity),
    ),
    log_group_exists:
      inputs.ManageLogGroup &&
      (found(facts.logGroups) ?? []).some(({ name }) => name === logGroup) &&
      !madeByStack(facts, 'AWS::Logs::LogGroup', 'LogGroupName', logGroup),
  };
}

/** The group rules that admit everybody. */
function openRules(groups: readonly SecurityGroup[]): string[] {
  return groups.flatMap((group) =>
    group.ingress.flatMap((rule) =>
      rule.cidrs
        .filter((cidr) => cidr === '0.0.0.0/0' || cidr === '::/0')
        .map(
          (cidr) =>
            `${group.id} (${group.name}): ${rule.protocol === '-1' ? 'all ports' : `${rule.protocol} ${rule.fromPort} to ${rule.toPort}`} from ${cidr}`,
        ),
    ),
  );
}
