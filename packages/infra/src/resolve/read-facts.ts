import type { Clients } from '../aws/clients.ts';
import { explainFailure } from '../aws/failure.ts';
import type { Inputs } from '../inputs/table.ts';
import { callerWishes } from './caller-wishes.ts';
import {
  databaseNames,
  readCapacity,
  readCluster,
  readDatabase,
  readParameters,
} from './database.ts';
import { readDeep } from './deep.ts';
import { readLogGroups, readProxies, readProxyQuota, readStack } from './deployed.ts';
import { found, type Caller, type Facts, type Look, type Secret } from './facts.ts';
import { readCaller, readRole, simulate, type Wish } from './identity.ts';
import { look, notAsked } from './look.ts';
import { baseName, proxyLogGroup, serviceLogGroup, stackName } from './names.ts';
import { readGroups, readGroupsById, readSubnets, readVpc } from './network.ts';
import { readKey, readSecret } from './secrets.ts';

/** How much to look at. */
export interface ReadOptions {
  /** Also read the secret's value and log in to the database with it. */
  readonly deep: boolean;
}

/**
 * Reads everything the checks and the model need, as much as possible at once. Only reads.
 * @throws InfraError when there are no usable credentials or no network
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

/** Facts of which only the caller is known. */
function nothing(caller: Caller, why: string): Facts {
  const unknown = notAsked(why);
  return {
    caller: { found: caller },
    database: unknown,
    databaseNames: [],
    capacity: unknown,
    cluster: unknown,
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
    const [database, network, access, deployed] = await Promise.all([
      this.#database(),
      this.#network(),
      this.#access(),
      this.#deployed(),
    ]);
    const deep = this.#options.deep
      ? await this.#look('secretsmanager:GetSecretValue', async () =>
          readDeep(this.#clients, this.#inputs.rds_secret_name, found(database.database)),
        )
      : notAsked('it reads a password; ask for it with --deep');
    return {
      caller: { found: this.#caller },
      ...database,
      ...network,
      ...access,
      ...deployed,
      deep,
    };
  }

  #look<T>(action: string, ask: () => Promise<T | undefined>): Promise<Look<T>> {
    return look(action, this.#inputs.aws_region, ask);
  }

  async #database(): Promise<
    Pick<
      Facts,
      'database' | 'databaseNames' | 'capacity' | 'cluster' | 'parameters' | 'databaseGroups'
    >
  > {
    const clients = this.#clients;
    const { rds_instance_id: id, DBClusterIdentifier: clusterId } = this.#inputs;
    const [database, cluster] = await Promise.all([
      this.#look('rds:DescribeDBInstances', async () => readDatabase(clients, id)),
      clusterId === undefined
        ? notAsked('no DBClusterIdentifier is given')
        : this.#look('rds:DescribeDBClusters', async () => readCluster(clients, clusterId)),
    ]);
    const instance = found(database);
    if (instance === undefined) {
      const names = await this.#look('rds:DescribeDBInstances', async () => databaseNames(clients));
      const unknown = notAsked('the database was not found');
      return {
        database,
        databaseNames: found(names) ?? [],
        cluster,
        capacity: unknown,
        parameters: unknown,
        databaseGroups: unknown,
      };
    }
    const [capacity, parameters, databaseGroups] = await Promise.all([
      this.#look('ec2:DescribeInstanceTypes', async () =>
        readCapacity(clients, instance.instanceClass),
      ),
      this.#look('rds:DescribeDBParameters', async () =>
        readParameters(clients, instance.parameterGroup),
      ),
      this.#look('ec2:DescribeSecurityGroups', async () =>
        readGroupsById(clients, instance.securityGroupIds),
      ),
    ]);
    return { database, databaseNames: [], cluster, capacity, parameters, databaseGroups };
  }

  async #network(): Promise<Pick<Facts, 'vpc' | 'subnets' | 'namedGroups' | 'groupNames'>> {
    const { vpc_id: vpcId, rds_security_group_name: name } = this.#inputs;
    const [vpc, subnets, groups] = await Promise.all([
      this.#look('ec2:DescribeVpcs', async () => readVpc(this.#clients, vpcId)),
      this.#look('ec2:DescribeSubnets', async () => readSubnets(this.#clients, vpcId)),
      this.#look('ec2:DescribeSecurityGroups', async () => readGroups(this.#clients, vpcId)),
    ]);
    return {
      vpc,
      subnets,
      namedGroups:
        'found' in groups ? { found: groups.found.filter((group) => group.name === name) } : groups,
      groupNames: (found(groups) ?? []).map((group) => group.name),
    };
  }

  async #access(): Promise<
    Pick<Facts, 'role' | 'roleRights' | 'secrets' | 'keys' | 'tlsSecret' | 'callerRights'>
  > {
    const clients = this.#clients;
    const { rds_secret_name, Auth, rds_proxy_role, TlsSecretName } = this.#inputs;
    const names = [rds_secret_name, ...Auth.map((entry) => entry.SecretName)];
    const secret = (name: string): Promise<Look<Secret>> =>
      this.#look('secretsmanager:DescribeSecret', async () => readSecret(clients, name));
    const [role, tlsSecret, ...looks] = await Promise.all([
      this.#look('iam:GetRole', async () => readRole(clients, rds_proxy_role)),
      TlsSecretName === undefined ? notAsked('no TlsSecretName is given') : secret(TlsSecretName),
      ...names.map(secret),
    ]);
    const secrets = Object.fromEntries(
      names.map((name, index) => [name, looks[index] ?? notAsked('it was not looked for')]),
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
        ? notAsked('the role was not found')
        : this.#look('iam:SimulatePrincipalPolicy', async () =>
            simulate(clients, roleArn, this.#roleWishes(described)),
          ),
      this.#look('iam:SimulatePrincipalPolicy', async () =>
        simulate(clients, this.#caller.arn, callerWishes(this.#inputs, roleArn)),
      ),
    ]);
    return { role, roleRights, secrets, keys, tlsSecret, callerRights };
  }

  #roleWishes(secrets: readonly Secret[]): Wish[] {
    return secrets.flatMap((secret) => [
      { action: 'secretsmanager:GetSecretValue', resource: secret.arn },
      ...(secret.kmsKeyId === undefined
        ? []
        : [
            {
              action: 'kms:Decrypt',
              resource: secret.kmsKeyId,
              context: {
                'kms:ViaService': `secretsmanager.${this.#inputs.aws_region}.amazonaws.com`,
              },
            },
          ]),
    ]);
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
