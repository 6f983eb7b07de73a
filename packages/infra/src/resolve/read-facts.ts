import type { Clients } from '../aws/clients.ts';
import { explainFailure } from '../aws/failure.ts';
import type { Inputs } from '../inputs/table.ts';
import { readFixedAddresses } from './balancer-addresses.ts';
import { callerWishes } from './caller-wishes.ts';
import {
  asDatabase,
  clusterNames,
  databaseNames,
  readCapacity,
  readCluster,
  readClusterParameters,
  readDatabase,
  readParameters,
} from './database.ts';
import { readCertificate } from './certificate.ts';
import { readDeep } from './deep.ts';
import { ecrAddress, readImage } from './image.ts';
import { partitionOf, roleWishes } from './role-wishes.ts';
import { readLogGroups, readProxies, readProxyQuota, readStack } from './deployed.ts';
import { readEcsCluster } from './ecs-cluster.ts';
import { found, type Caller, type Cluster, type Facts, type Look, type Secret } from './facts.ts';
import { readCaller, readRole, simulate } from './identity.ts';
import { look, notQueried } from './look.ts';
import { baseName, proxyLogGroup, secretNames, serviceLogGroup, stackName } from './names.ts';
import { readGroups, readGroupsById, readSubnets, readVpc, readWayOut } from './network.ts';
import { readKey, readSecret } from './secrets.ts';

/** How much to read. */
export interface ReadOptions {
  /** Also read the secret's value and log in to the database with it. */
  readonly deep: boolean;
}

/**
 * Reads everything that the checks and the model need, as much as possible in parallel. Only reads.
 * @throws InfraError if there are no usable credentials or no network
 */
export async function readFacts(
  inputs: Inputs,
  clients: Clients,
  options: ReadOptions,
): Promise<Facts> {
  let caller: Caller;
  try {
    caller = await readCaller(clients);
  } catch (error) {
    throw explainFailure(error, 'sts:GetCallerIdentity', inputs.aws_region);
  }
  if (caller.account !== inputs.aws_account_id) {
    return nothing(caller, 'the credentials belong to another account');
  }
  return new FactReader(inputs, clients, caller, options).read();
}

/** The facts if only the caller is known. */
function nothing(caller: Caller, why: string): Facts {
  const unknown = notQueried(why);
  return {
    caller: { found: caller },
    database: unknown,
    databaseNames: [],
    capacity: unknown,
    cluster: unknown,
    clusterNames: [],
    clusterParameters: unknown,
    vpc: unknown,
    subnets: unknown,
    namedGroups: unknown,
    groupNames: [],
    databaseGroups: unknown,
    role: unknown,
    roleRights: unknown,
    secrets: {},
    keys: {},
    tlsSecret: unknown,
    imageSecret: unknown,
    certificate: unknown,
    image: unknown,
    wayOut: unknown,
    ecsCluster: unknown,
    fixedAddresses: unknown,
    logKey: unknown,
    parameters: unknown,
    proxies: unknown,
    proxyQuota: unknown,
    logGroups: unknown,
    stack: unknown,
    callerRights: unknown,
    deep: unknown,
  };
}

class FactReader {
  readonly #inputs: Inputs;
  readonly #clients: Clients;
  readonly #caller: Caller;
  readonly #options: ReadOptions;

  constructor(inputs: Inputs, clients: Clients, caller: Caller, options: ReadOptions) {
    this.#inputs = inputs;
    this.#clients = clients;
    this.#caller = caller;
    this.#options = options;
  }

  async read(): Promise<Facts> {
    const stack = this.#deployed();
    const [database, network, access, deployed] = await Promise.all([
      this.#database(),
      this.#network(),
      this.#access(stack),
      stack,
    ]);
    const deep = this.#options.deep
      ? await this.#look('secretsmanager:GetSecretValue', async () =>
          Promise.all(
            secretNames(this.#inputs).map(async (name) =>
              readDeep(this.#clients, name, found(database.database)),
            ),
          ),
        )
      : notQueried('this reads a password: use --deep');
    return {
      caller: { found: this.#caller },
      ...database,
      ...network,
      ...access,
      roleRights: await this.#withConnect(access, found(database.database)?.resourceId),
      ...deployed,
      deep,
    };
  }

  /**
   * With IAM tokens for the database, the role logs in to the database, too; which database that is, is known only now.
   */
  async #withConnect(
    { role, roleRights }: Pick<Facts, 'role' | 'roleRights'>,
    resourceId: string | undefined,
  ): Promise<Facts['roleRights']> {
    const { DefaultAuthScheme, aws_region: region, aws_account_id: account } = this.#inputs;
    const arn = found(role)?.arn;
    if (DefaultAuthScheme !== 'IAM_AUTH' || arn === undefined || resourceId === undefined) {
      return roleRights;
    }
    const resource = `arn:${partitionOf(region)}:rds-db:${region}:${account}:dbuser:${resourceId}/*`;
    const connect = await this.#look('iam:SimulatePrincipalPolicy', async () =>
      simulate(this.#clients, arn, [{ action: 'rds-db:connect', resource }]),
    );
    return 'found' in connect ? { found: { ...found(roleRights), ...connect.found } } : connect;
  }

  #look<T>(action: string, ask: () => Promise<T | undefined>): Promise<Look<T>> {
    return look(action, this.#inputs.aws_region, ask);
  }

  async #database(): Promise<
    Pick<
      Facts,
      | 'database'
      | 'databaseNames'
      | 'capacity'
      | 'cluster'
      | 'clusterNames'
      | 'clusterParameters'
      | 'parameters'
      | 'databaseGroups'
    >
  > {
    const clients = this.#clients;
    const { cluster, database } = await this.#described();
    const instance = found(database);
    if (instance === undefined) {
      const [names, clusters] = await Promise.all([
        this.#look('rds:DescribeDBInstances', async () => databaseNames(clients)),
        this.#look('rds:DescribeDBClusters', async () => clusterNames(clients)),
      ]);
      const unknown = notQueried('the database was not found');
      return {
        database,
        databaseNames: found(names) ?? [],
        cluster,
        clusterNames: found(clusters) ?? [],
        clusterParameters: unknown,
        capacity: unknown,
        parameters: unknown,
        databaseGroups: unknown,
      };
    }
    const clusterGroup = found(cluster)?.parameterGroup;
    const [capacity, parameters, clusterParameters, databaseGroups] = await Promise.all([
      this.#look('ec2:DescribeInstanceTypes', async () =>
        readCapacity(clients, instance.instanceClass),
      ),
      instance.parameterGroup === ''
        ? notQueried('there is no instance whose parameters could be read')
        : this.#look('rds:DescribeDBParameters', async () =>
            readParameters(clients, instance.parameterGroup),
          ),
      clusterGroup === undefined || clusterGroup === ''
        ? notQueried('the database is in no cluster')
        : this.#look('rds:DescribeDBClusterParameters', async () =>
            readClusterParameters(clients, clusterGroup),
          ),
      this.#look('ec2:DescribeSecurityGroups', async () =>
        readGroupsById(clients, instance.securityGroupIds),
      ),
    ]);
    return {
      database,
      databaseNames: [],
      cluster,
      clusterNames: [],
      capacity,
      parameters,
      clusterParameters,
      databaseGroups,
    };
  }

  /** The instance, and the cluster if one is named; without an instance, the cluster as the database. */
  async #described(): Promise<Pick<Facts, 'database' | 'cluster'>> {
    const clients = this.#clients;
    const { rds_instance_id: id, DBClusterIdentifier: clusterId } = this.#inputs;
    const cluster: Look<Cluster> =
      clusterId === undefined
        ? notQueried('no DBClusterIdentifier is given')
        : await this.#look('rds:DescribeDBClusters', async () => readCluster(clients, clusterId));
    if (id !== undefined) {
      const database = await this.#look('rds:DescribeDBInstances', async () =>
        readDatabase(clients, id),
      );
      return { database, cluster };
    }
    const described = found(cluster);
    if (described === undefined) {
      return 'found' in cluster
        ? { database: notQueried('none'), cluster }
        : { database: cluster, cluster };
    }
    const writer = described.members.find((member) => member.writer)?.id;
    const instance =
      writer === undefined
        ? undefined
        : found(
            await this.#look('rds:DescribeDBInstances', async () => readDatabase(clients, writer)),
          );
    return { database: { found: asDatabase(described, instance) }, cluster };
  }

  async #network(): Promise<
    Pick<
      Facts,
      'vpc' | 'subnets' | 'namedGroups' | 'groupNames' | 'wayOut' | 'ecsCluster' | 'fixedAddresses'
    >
  > {
    const { vpc_id: vpcId, rds_security_group_name: name, SecurityGroupIds: ids } = this.#inputs;
    const { engine, EcsClusterName: ecsClusterName } = this.#inputs;
    const [vpc, subnets, groups, wayOut, ecsCluster, fixedAddresses] = await Promise.all([
      this.#look('ec2:DescribeVpcs', async () => readVpc(this.#clients, vpcId)),
      this.#look('ec2:DescribeSubnets', async () => readSubnets(this.#clients, vpcId)),
      this.#look('ec2:DescribeSecurityGroups', async () => readGroups(this.#clients, vpcId)),
      engine === 'sluice'
        ? this.#look('ec2:DescribeRouteTables', async () => readWayOut(this.#clients, vpcId))
        : notQueried('RDS Proxy has its own route to AWS'),
      engine !== 'sluice' || ecsClusterName === undefined
        ? notQueried('no EcsClusterName is given')
        : this.#look('ecs:DescribeClusters', async () =>
            readEcsCluster(this.#clients, ecsClusterName),
          ),
      engine !== 'sluice' || Object.keys(this.#inputs.BalancerAddresses).length === 0
        ? notQueried('no BalancerAddresses are given')
        : this.#look('ec2:DescribeAddresses', async () =>
            readFixedAddresses(this.#clients, this.#inputs),
          ),
    ]);
    return {
      vpc,
      subnets,
      wayOut,
      ecsCluster,
      fixedAddresses,
      namedGroups:
        'found' in groups
          ? {
              found: groups.found.filter((group) =>
                ids.length > 0 ? ids.includes(group.id) : group.name === name,
              ),
            }
          : groups,
      groupNames: (found(groups) ?? []).map((group) => group.name),
    };
  }

  async #access(
    deployed: Promise<Pick<Facts, 'stack'>>,
  ): Promise<
    Pick<
      Facts,
      | 'role'
      | 'roleRights'
      | 'secrets'
      | 'keys'
      | 'tlsSecret'
      | 'imageSecret'
      | 'certificate'
      | 'image'
      | 'logKey'
      | 'callerRights'
    >
  > {
    const clients = this.#clients;
    const { rds_proxy_role, CreateRole, TlsSecretName, LogKmsKeyArn, engine } = this.#inputs;
    const { ImageCredentialsSecretName: imageSecretName } = this.#inputs;
    const names = secretNames(this.#inputs);
    const secret = (name: string): Promise<Look<Secret>> =>
      this.#look('secretsmanager:DescribeSecret', async () => readSecret(clients, name));
    const [role, tlsSecret, imageSecret, image, logKey, certificate, ...looks] = await Promise.all([
      rds_proxy_role === undefined || CreateRole || engine === 'sluice'
        ? notQueried('no role of yours is used')
        : this.#look('iam:GetRole', async () => readRole(clients, rds_proxy_role)),
      TlsSecretName === undefined ? notQueried('no TlsSecretName is given') : secret(TlsSecretName),
      imageSecretName === undefined
        ? notQueried('no ImageCredentialsSecretName is given')
        : secret(imageSecretName),
      this.#image(),
      LogKmsKeyArn === undefined
        ? notQueried('no LogKmsKeyArn is given')
        : this.#look('kms:DescribeKey', async () => readKey(clients, LogKmsKeyArn)),
      TlsSecretName === undefined || !this.#options.deep || engine !== 'sluice'
        ? notQueried('this reads a private key: use --deep')
        : this.#look('secretsmanager:GetSecretValue', async () =>
            readCertificate(clients, TlsSecretName),
          ),
      ...names.map(secret),
    ]);
    const secrets = Object.fromEntries(
      names.map((name, index) => [name, looks[index] ?? notQueried('it was not looked for')]),
    );
    const described = looks.map(found).filter((entry) => entry !== undefined);
    const keyIds = described.flatMap((entry) => entry.kmsKeyId ?? []);
    const keys = Object.fromEntries(
      await Promise.all(
        [...new Set(keyIds)].map(
          async (id) =>
            [id, await this.#look('kms:DescribeKey', async () => readKey(clients, id))] as const,
        ),
      ),
    );
    const roleArn = found(role)?.arn;
    const [roleRights, callerRights] = await Promise.all([
      roleArn === undefined
        ? notQueried('the role was not found')
        : this.#look('iam:SimulatePrincipalPolicy', async () =>
            simulate(clients, roleArn, roleWishes(this.#inputs, described, keys)),
          ),
      this.#look('iam:SimulatePrincipalPolicy', async () =>
        simulate(
          clients,
          this.#inputs.CloudFormationRoleArn ?? this.#caller.arn,
          // What an apply does depends on what exists.
          callerWishes(this.#inputs, roleArn, found((await deployed).stack)?.template),
        ),
      ),
    ]);
    return {
      role,
      roleRights,
      secrets,
      keys,
      tlsSecret,
      imageSecret,
      certificate,
      image,
      logKey,
      callerRights,
    };
  }

  #image(): Promise<Facts['image']> {
    const { ContainerImage: image, engine } = this.#inputs;
    const address = image === undefined ? undefined : ecrAddress(image);
    const elsewhere =
      address === undefined
        ? 'the image is in no registry that can be looked into'
        : address.region === this.#inputs.aws_region
          ? undefined
          : `the image is in ${address.region}, where nothing is looked up`;
    return engine !== 'sluice' || address === undefined || elsewhere !== undefined
      ? Promise.resolve(notQueried(elsewhere ?? 'engine rds-proxy starts no tasks'))
      : this.#look('ecr:DescribeImages', async () => readImage(this.#clients, address));
  }

  async #deployed(): Promise<Pick<Facts, 'proxies' | 'proxyQuota' | 'logGroups' | 'stack'>> {
    const clients = this.#clients;
    const name = baseName(this.#inputs);
    const logGroup = this.#inputs.engine === 'sluice' ? serviceLogGroup(name) : proxyLogGroup(name);
    const [proxies, proxyQuota, logGroups, stack] = await Promise.all([
      this.#look('rds:DescribeDBProxies', async () => readProxies(clients)),
      this.#look('servicequotas:ListServiceQuotas', async () => readProxyQuota(clients)),
      this.#look('logs:DescribeLogGroups', async () => readLogGroups(clients, logGroup)),
      this.#look('cloudformation:DescribeStacks', async () =>
        readStack(clients, stackName(this.#inputs)),
      ),
    ]);
    return { proxies, proxyQuota, logGroups, stack };
  }
}
