import { nearest } from '../../inputs/parse.ts';
import { found } from '../../resolve/facts.ts';
import { databaseName } from '../../resolve/names.ts';
import {
  failed,
  notFound,
  passed,
  skipped,
  type Check,
  type Subject,
  type Verdict,
} from '../check.ts';

/** RDS registers a target only in these states. */
const usable = new Set(['available', 'modifying', 'backing-up', 'creating']);

/** The oldest PostgreSQL version that RDS Proxy supports. */
const oldestMajor = 10;

export const database: Check = {
  code: 'PF02',
  title: 'database',
  looks: 'rds:DescribeDBInstances, rds:DescribeDBClusters',
  why: 'A proxy needs a running PostgreSQL writer; with anything else its target never becomes available.',
  run: (subject) => {
    const { inputs, facts } = subject;
    const instance = found(facts.database);
    if (instance === undefined) {
      return missing(subject);
    }
    const name = `${instance.identifier} (${instance.engine} ${instance.engineVersion}, ${instance.instanceClass}, ${instance.status})`;
    if (!/^(?:aurora-)?postgres(?:ql)?$/.test(instance.engine)) {
      return failed(`${name} is not PostgreSQL`, 'give the identifier of a PostgreSQL instance');
    }
    const major = Number(instance.engineVersion.split('.')[0]);
    if (inputs.engine === 'rds-proxy' && major < oldestMajor) {
      return failed(
        `${name}: RDS Proxy supports PostgreSQL ${oldestMajor} and later`,
        'upgrade the database, or use engine = "sluice"',
      );
    }
    if (instance.replicaOf !== undefined) {
      return failed(
        `${name} is a read replica of ${instance.replicaOf}; a proxy accepts only the writer`,
        `set rds_instance_id to ${instance.replicaOf}`,
      );
    }
    if (!usable.has(instance.status)) {
      return failed(
        `${name} is not usable now`,
        `wait until its status is one of ${[...usable].join(', ')}, or start it, and run the command again`,
      );
    }
    if (instance.clusterId !== undefined && inputs.DBClusterIdentifier === undefined) {
      return failed(
        `${name} is a member of the cluster ${instance.clusterId}; RDS Proxy accepts the cluster, not a member`,
        `add DBClusterIdentifier = "${instance.clusterId}"`,
      );
    }
    return inputs.DBClusterIdentifier === undefined
      ? passed(name)
      : cluster(subject, name, instance.clusterId);
  },
};

function missing({ inputs, facts }: Subject): Verdict {
  const wanted = databaseName(inputs);
  if (inputs.rds_instance_id !== undefined && facts.clusterNames.includes(wanted)) {
    return failed(
      `${wanted} is a cluster, not an instance`,
      `set DBClusterIdentifier = "${wanted}", and leave rds_instance_id out or give a member of the cluster`,
    );
  }
  const isCluster = inputs.rds_instance_id === undefined;
  const names = isCluster ? facts.clusterNames : facts.databaseNames;
  const near = nearest(wanted, names);
  const known =
    near.length > 0
      ? `did you mean ${near.join(' or ')}?`
      : `${isCluster ? 'clusters' : 'instances'} there: ${names.join(', ') || 'none'}`;
  const verdict = notFound(
    facts.database,
    `correct ${isCluster ? 'DBClusterIdentifier' : 'rds_instance_id'} or aws_region; ${known}`,
  );
  return verdict.status === 'failed'
    ? {
        ...verdict,
        found: `${inputs.aws_region} has no ${isCluster ? 'cluster' : 'instance'} ${wanted}`,
      }
    : verdict;
}

function cluster({ inputs, facts }: Subject, name: string, memberOf: string | undefined): Verdict {
  const described = found(facts.cluster);
  if (described === undefined) {
    return notFound(facts.cluster, `correct DBClusterIdentifier (${inputs.DBClusterIdentifier})`);
  }
  if (memberOf !== described.identifier) {
    return failed(
      `${inputs.rds_instance_id} is ${memberOf === undefined ? 'in no cluster' : `a member of the cluster ${memberOf}`}, DBClusterIdentifier is ${described.identifier}: another database`,
      memberOf === undefined
        ? 'leave DBClusterIdentifier out, or leave rds_instance_id out to use the cluster'
        : `set DBClusterIdentifier to ${memberOf}, or leave rds_instance_id out to use ${described.identifier}`,
    );
  }
  if (!/postgres/.test(described.engine)) {
    return failed(
      `the cluster ${described.identifier} runs ${described.engine}`,
      'give the identifier of a PostgreSQL cluster',
    );
  }
  if (!usable.has(described.status)) {
    return failed(
      `the cluster ${described.identifier} is ${described.status}`,
      'wait until it is available, or start it, and run the command again',
    );
  }
  return passed(
    `${name}, cluster ${described.identifier} with ${described.members.length} ${described.members.length === 1 ? 'member' : 'members'}`,
  );
}

export const vpc: Check = {
  code: 'PF03',
  title: 'VPC',
  looks: 'rds:DescribeDBInstances, ec2:DescribeVpcs',
  why: 'A proxy must be in the VPC of its database, and RDS Proxy does not support VPCs with dedicated tenancy.',
  run: ({ inputs, facts }) => {
    const described = found(facts.vpc);
    if (described === undefined) {
      return notFound(facts.vpc, `correct vpc_id (${inputs.vpc_id}) or aws_region`);
    }
    const instance = found(facts.database);
    if (instance !== undefined && instance.vpcId !== inputs.vpc_id) {
      return failed(
        `the database ${instance.identifier} is in ${instance.vpcId}, vpc_id is ${inputs.vpc_id}`,
        `set vpc_id to ${instance.vpcId}`,
      );
    }
    if (described.tenancy !== 'default' && inputs.engine === 'rds-proxy') {
      return failed(
        `${described.id} has ${described.tenancy} tenancy, which RDS Proxy does not support`,
        'use engine = "sluice", or a VPC with default tenancy',
      );
    }
    return instance === undefined
      ? skipped('the database was not found, so its VPC is not known')
      : passed(`${described.id}, the database’s own, ${described.tenancy} tenancy`);
  },
};
