import { nearest } from '../../near-miss.ts';
import { found } from '../../resolve/facts.ts';
import {
  failed,
  notFound,
  passed,
  skipped,
  type Check,
  type Subject,
  type Verdict,
} from '../check.ts';

const usable = new Set(['available', 'modifying', 'backing-up', 'storage-optimization']);

export const database: Check = {
  code: 'PF02',
  title: 'database',
  looks: 'rds:DescribeDBInstances, rds:DescribeDBClusters',
  why: 'A proxy takes a PostgreSQL writer that is up; for anything else its target never becomes available.',
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
    if (instance.replicaOf !== undefined) {
      return failed(
        `${name} is a read replica of ${instance.replicaOf}; a proxy takes the writer only`,
        `set rds_instance_id to ${instance.replicaOf}`,
      );
    }
    if (!usable.has(instance.status)) {
      return failed(
        `${name} is not usable now`,
        'wait until its status is available, or start it, and run the command again',
      );
    }
    if (instance.clusterId !== undefined && inputs.DBClusterIdentifier === undefined) {
      return failed(
        `${name} is a member of the cluster ${instance.clusterId}; RDS Proxy takes the cluster, not a member`,
        `add DBClusterIdentifier = "${instance.clusterId}"`,
      );
    }
    return inputs.DBClusterIdentifier === undefined ? passed(name) : cluster(subject, name);
  },
};

function missing({ inputs, facts }: Subject): Verdict {
  const near = nearest(inputs.rds_instance_id, facts.databaseNames);
  const known =
    near.length > 0
      ? `did you mean ${near.join(' or ')}?`
      : `instances there: ${facts.databaseNames.join(', ') || 'none'}`;
  const verdict = notFound(facts.database, `correct rds_instance_id or aws_region; ${known}`);
  return verdict.status === 'failed'
    ? { ...verdict, found: `${inputs.aws_region} has no instance ${inputs.rds_instance_id}` }
    : verdict;
}

function cluster({ inputs, facts }: Subject, name: string): Verdict {
  const described = found(facts.cluster);
  if (described === undefined) {
    return notFound(facts.cluster, `correct DBClusterIdentifier (${inputs.DBClusterIdentifier})`);
  }
  return /postgres/.test(described.engine)
    ? passed(`${name}, cluster ${described.identifier} with ${described.members} members`)
    : failed(
        `the cluster ${described.identifier} runs ${described.engine}`,
        'give the identifier of a PostgreSQL cluster',
      );
}

export const vpc: Check = {
  code: 'PF03',
  title: 'VPC',
  looks: 'rds:DescribeDBInstances, ec2:DescribeVpcs',
  why: 'A proxy must stand in the VPC of its database, and RDS Proxy not in one with dedicated tenancy.',
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
