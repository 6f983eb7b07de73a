import { found, type Database } from '../../resolve/facts.ts';
import { chooseSubnets } from '../../resolve/choose-subnets.ts';
import { ecrAddress } from '../../resolve/image.ts';
import { judgePolicy } from '../../resolve/policy.ts';
import { usesDatabaseTokens } from '../../resolve/names.ts';
import { partitionOf, suffixOf } from '../../resolve/role-wishes.ts';
import {
  failed,
  notFound,
  passed,
  skipped,
  warning,
  worst,
  type Check,
  type Subject,
  type Verdict,
} from '../check.ts';

/** A certificate that expires within this many days is reported. */
const soon = 30;

const dayLength = 86_400_000;

export const image: Check = {
  code: 'PF21',
  title: 'image',
  looks: 'ecr:DescribeImages, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer',
  why: 'Without its image, or with one for another processor, a task is restarted until the deployment gives up (CannotPullContainerError).',
  run: ({ inputs, facts }) => {
    if (inputs.engine !== 'sluice') {
      return skipped('not needed: engine rds-proxy starts no tasks');
    }
    const described = found(facts.image);
    if (described === undefined) {
      return notFound(
        facts.image,
        `push the image, or correct ContainerImage (${inputs.ContainerImage})`,
      );
    }
    const { repository, reference, digest, architectures } = described;
    const name = `${repository} ${reference}`;
    const wanted = inputs.CpuArchitecture === 'X86_64' ? 'amd64' : 'arm64';
    return architectures === undefined || architectures.includes(wanted)
      ? passed(`${name} is ${digest}`)
      : failed(
          `${name} is built for ${architectures.join(', ')}, and the tasks run on ${wanted}`,
          `build it with docker buildx build --platform linux/${wanted}, and push it; or correct CpuArchitecture`,
        );
  },
};

export const certificate: Check = {
  code: 'PF22',
  title: 'certificate',
  looks: 'secretsmanager:GetSecretValue (only with --deep)',
  why: 'With a mismatched or expired pair no client can connect with TLS.',
  run: ({ inputs, facts }) => {
    if (inputs.engine !== 'sluice') {
      return skipped('not needed: RDS Proxy has its own certificate');
    }
    const pair = found(facts.certificate);
    if (pair === undefined) {
      return skipped('found' in facts.certificate ? 'not read' : facts.certificate.detail);
    }
    const { problems, names, ends = '' } = pair;
    const fix = `put a pair into ${inputs.TlsSecretName}: JSON with certificate and private_key, both PEM`;
    if (problems.length > 0) {
      return failed(`${inputs.TlsSecretName}: ${problems.join('; ')}`, fix);
    }
    const detail = `for ${names.join(', ') || 'no name'}, until ${ends}`;
    const { DnsName: name } = inputs;
    if (name !== undefined && !names.some((one) => covers(one, name))) {
      return warning(
        `${detail}; clients that check the host name expect ${name}`,
        `issue a certificate with the name ${name}`,
      );
    }
    return new Date(ends).getTime() - Date.now() < soon * dayLength
      ? warning(`${detail}, which is less than ${soon} days away`, 'have it renewed')
      : passed(detail);
  },
};

/** Whether a certificate with this name, which may start with `*.`, is valid for a host. */
function covers(name: string, host: string): boolean {
  const [wanted, given] = [host.toLowerCase(), name.toLowerCase()];
  return wanted === given || (given.startsWith('*.') && wanted.replace(/^[^.]+/, '*') === given);
}

export const ecsCluster: Check = {
  code: 'PF28',
  title: 'ECS cluster',
  looks: 'ecs:DescribeClusters',
  why: 'A service cannot be created in a cluster that does not exist or is being deleted, nor on Fargate Spot where the cluster has no such capacity provider.',
  run: ({ inputs, facts }) => {
    const { engine, EcsClusterName: name } = inputs;
    if (engine !== 'sluice' || name === undefined) {
      return passed('none is given');
    }
    const described = found(facts.ecsCluster);
    if (described === undefined) {
      return notFound(
        facts.ecsCluster,
        `correct EcsClusterName (${name}), or leave it out to have a cluster created`,
      );
    }
    if (described.status !== 'ACTIVE') {
      return failed(
        `the ECS cluster ${name} is ${described.status}`,
        'give another EcsClusterName, or leave it out to have a cluster created',
      );
    }
    const providers = ['FARGATE', 'FARGATE_SPOT'];
    const missing = providers.filter((one) => !described.capacityProviders.includes(one));
    return inputs.FargateSpotWeight === 0 || missing.length === 0
      ? passed(`${name} is ACTIVE`)
      : failed(
          `FargateSpotWeight is set, but the ECS cluster ${name} has no capacity provider ${missing.join(', ')}`,
          `add it to those of the cluster: aws ecs put-cluster-capacity-providers --cluster ${name} --capacity-providers ${[...new Set([...described.capacityProviders, ...providers])].join(' ')} --default-capacity-provider-strategy …`,
        );
  },
};

/** The AWS services that tasks call before they can serve clients, and those for ECS Exec. */
function servicesOf({ EnableExecuteCommand }: Subject['inputs']): string[] {
  const always = ['ecr.api', 'ecr.dkr', 's3', 'logs', 'secretsmanager'];
  return EnableExecuteCommand ? [...always, 'ssmmessages'] : always;
}

export const wayOut: Check = {
  code: 'PF23',
  title: 'route to AWS',
  looks: 'ec2:DescribeRouteTables, ec2:DescribeVpcEndpoints',
  why: 'Tasks that cannot reach ECR, Secrets Manager and CloudWatch Logs never start (ResourceInitializationError).',
  run: ({ inputs, facts }) => {
    const { ContainerImage: image = '' } = inputs;
    const services = servicesOf(inputs);
    const ways = found(facts.wayOut);
    if (ways === undefined) {
      return skipped('found' in facts.wayOut ? 'not read' : facts.wayOut.detail);
    }
    const { chosen } = chooseSubnets(facts, inputs);
    if (chosen.length === 0) {
      return skipped('the subnets are not known');
    }
    // A task without a public address cannot use an internet gateway.
    const closed = chosen.filter(({ id }) => (ways.routes[id] ?? 'igw-').startsWith('igw-'));
    const missing = services.filter(
      (service) => !ways.endpoints.some((endpoint) => endpoint.endsWith(`.${service}`)),
    );
    if (closed.length === 0) {
      return passed(chosen.map(({ id }) => `${id} by ${ways.routes[id]}`).join(', '));
    }
    if (ecrAddress(image) === undefined) {
      return failed(
        `${closed.map(({ id }) => id).join(', ')} has no default route except to an internet gateway, and ${image} is not in ECR`,
        'choose subnets with a route to a NAT gateway, or push the image to ECR',
      );
    }
    return missing.length === 0
      ? passed(`by VPC endpoints for ${services.join(', ')}`)
      : failed(
          `${closed.map(({ id }) => id).join(', ')} has no default route except to an internet gateway, and the VPC has no endpoint for ${missing.join(', ')}`,
          'choose subnets with a route to a NAT gateway, or create these endpoints',
        );
  },
};

export const readers: Check = {
  code: 'PF24',
  title: 'read-only endpoints',
  looks: 'rds:DescribeDBClusters',
  why: 'Without a reader, a READ_ONLY endpoint is created and then refuses every client.',
  run: ({ inputs, facts }) => {
    const wanted = inputs.DBProxyEndpoints.filter(({ TargetRole }) => TargetRole === 'READ_ONLY');
    const names = wanted.map((endpoint) => endpoint.DBProxyEndpointName).join(', ');
    if (wanted.length === 0) {
      return passed('none is requested');
    }
    if (inputs.DBClusterIdentifier === undefined) {
      return failed(
        `${names} is READ_ONLY, and an instance has no readers`,
        'leave TargetRole out, or put the proxy in front of a cluster (DBClusterIdentifier)',
      );
    }
    const cluster = found(facts.cluster);
    if (cluster === undefined) {
      return skipped('the cluster could not be read');
    }
    const count = cluster.members.filter((member) => !member.writer).length;
    return count > 0
      ? passed(`${cluster.identifier} has ${count} ${count === 1 ? 'reader' : 'readers'}`)
      : failed(
          `${names} is READ_ONLY, and ${cluster.identifier} has no reader`,
          'add a reader to the cluster, or leave the endpoint out',
        );
  },
};

export const iamLogin: Check = {
  code: 'PF25',
  title: 'IAM in the database',
  looks: 'rds:DescribeDBInstances, rds:DescribeDBClusters',
  why: 'The proxy logs in with IAM tokens (IAM_AUTH; engine sluice also with IAMAuth), which the database accepts only when IAM authentication is enabled.',
  run: ({ inputs, facts }) => {
    const database = found(facts.database);
    const wanted =
      inputs.engine === 'rds-proxy'
        ? inputs.DefaultAuthScheme === 'IAM_AUTH'
        : usesDatabaseTokens(inputs);
    if (!wanted) {
      return passed('not requested');
    }
    if (database?.iamAuth === undefined) {
      return skipped('whether it is on could not be read');
    }
    return database.iamAuth
      ? passed(`on for ${database.identifier}`)
      : failed(
          `IAM authentication is off in ${database.identifier}`,
          `aws rds modify-db-${database.clusterId === undefined ? 'instance --db-instance' : 'cluster --db-cluster'}-identifier ${database.clusterId ?? database.identifier} --enable-iam-database-authentication; its users need the role rds_iam`,
        );
  },
};

export const networkType: Check = {
  code: 'PF26',
  title: 'IP versions',
  looks: 'ec2:DescribeSubnets, rds:DescribeDBInstances',
  why: 'IPv6 for clients needs subnets with IPv6 ranges, and IPv6 to the database needs a dual-stack database.',
  run: ({ inputs, facts }) => {
    const verdicts: Verdict[] = [];
    const { chosen } = chooseSubnets(facts, inputs);
    const types = [
      inputs.EndpointNetworkType,
      ...inputs.DBProxyEndpoints.flatMap((endpoint) => endpoint.EndpointNetworkType ?? []),
    ];
    const without = chosen.filter((subnet) => subnet.ipv6 !== true);
    const wanted = types.find((type) => type !== 'IPV4');
    if (wanted !== undefined && chosen.length === 0) {
      verdicts.push(skipped('the subnets are not known'));
    } else if (wanted !== undefined) {
      verdicts.push(
        without.length === 0
          ? passed('every subnet has an IPv6 range')
          : failed(
              `EndpointNetworkType is ${wanted}, and ${without.map(({ id }) => id).join(', ')} has no IPv6 range`,
              'give the subnets IPv6 ranges, choose others, or leave EndpointNetworkType out',
            ),
      );
    }
    if (inputs.engine === 'rds-proxy' && inputs.TargetConnectionNetworkType === 'IPV6') {
      verdicts.push(toDatabase(found(facts.database)));
    }
    return verdicts.length === 0 ? passed('IPv4 only') : worst(verdicts);
  },
};

function toDatabase(database: Database | undefined): Verdict {
  if (database === undefined) {
    return skipped('the database is not known');
  }
  return database.networkType === 'DUAL'
    ? passed('the database is dual-stack')
    : failed(
        `TargetConnectionNetworkType is IPV6, and the network type of the database is ${database.networkType ?? 'IPV4'}`,
        'make the database dual-stack, or leave TargetConnectionNetworkType out',
      );
}

export const keyAndTopic: Check = {
  code: 'PF27',
  title: 'log key and topics',
  looks: 'kms:DescribeKey, kms:GetKeyPolicy',
  why: 'A key of another region, or one that CloudWatch Logs cannot use, makes the first resource of the stack fail; a topic of another region makes the change set fail.',
  run: (subject) => {
    const verdicts = [...logKey(subject), ...topics(subject)];
    return verdicts.length === 0 ? passed('none is given') : worst(verdicts);
  },
};

function logKey({ inputs, facts }: Subject): Verdict[] {
  const { LogKmsKeyArn: arn, aws_region: region, aws_account_id: account } = inputs;
  if (arn === undefined) {
    return [];
  }
  const [, , , keyRegion = ''] = arn.split(':');
  if (keyRegion !== region) {
    return [
      failed(
        `LogKmsKeyArn is a key of ${keyRegion}, the logs are in ${region}`,
        `give a key of ${region}`,
      ),
    ];
  }
  const key = found(facts.logKey);
  if (key === undefined) {
    return [notFound(facts.logKey, `correct LogKmsKeyArn (${arn})`)];
  }
  if (key.state !== 'Enabled') {
    return [failed(`the key of the logs is ${key.state}`, 'enable it, or give another')];
  }
  if (key.policy === undefined) {
    return [skipped('the policy of the log key could not be read')];
  }
  const service = `logs.${region}.${suffixOf(region)}`;
  const { decision } = judgePolicy(key.policy, {
    principal: { Service: service },
    action: 'kms:GenerateDataKey',
    context: {
      'aws:SourceAccount': account,
      'kms:EncryptionContext:aws:logs:arn': `arn:${partitionOf(region)}:logs:${region}:${account}:log-group:x`,
    },
  });
  const fix = `let the key’s policy allow kms:Encrypt*, kms:Decrypt*, kms:ReEncrypt*, kms:GenerateDataKey* and kms:Describe* to the service ${service}`;
  return [
    decision === 'allowed'
      ? passed(`${service} may use the log key`)
      : decision === 'unknown'
        ? warning(
            `whether ${service} may use the log key depends on conditions that cannot be evaluated here`,
            fix,
          )
        : failed(`the policy of the log key does not let ${service} use it`, fix),
  ];
}

/**
 * Alarms and stacks accept topics of their own region only; CloudFormation notices a wrong one only when it runs the
 * change set.
 */
function topics({ inputs }: Subject): Verdict[] {
  const { AlarmTopicArn: alarms, StackTopicArns: stack, aws_region: region } = inputs;
  const given = [
    ...(alarms === undefined ? [] : [['AlarmTopicArn', alarms] as const]),
    ...stack.map((arn) => ['StackTopicArns', arn] as const),
  ];
  return given.map(([name, arn]) => {
    const [, , , topicRegion = ''] = arn.split(':');
    return topicRegion === region
      ? passed(`the topic of ${name} is in ${region}`)
      : failed(
          `${name} has a topic of ${topicRegion}; alarms and stacks of ${region} accept only topics in their own region`,
          `give a topic of ${region}`,
        );
  });
}
