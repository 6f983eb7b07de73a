/** The result of a look-up in AWS: the value, or why there is none. Checks decide what that means. */
export type Look<T> =
  | { readonly found: T }
  | { readonly absent: 'missing' | 'denied' | 'failed' | 'not queried'; readonly detail: string };

/** The value, if it was found. */
export function found<T>(look: Look<T>): T | undefined {
  return 'found' in look ? look.found : undefined;
}

export interface Caller {
  readonly account: string;
  readonly arn: string;
}

/** The database, as RDS describes it. */
export interface Database {
  readonly identifier: string;
  readonly resourceId: string;
  readonly engine: string;
  readonly engineVersion: string;
  readonly status: string;
  readonly instanceClass: string;
  readonly host: string;
  readonly port: number;
  readonly vpcId: string;
  readonly securityGroupIds: readonly string[];
  readonly parameterGroup: string;
  /** The cluster that it belongs to, if any. */
  readonly clusterId?: string;
  /** The source instance, if it is a read replica. */
  readonly replicaOf?: string;
  readonly networkType?: string;
  /** Whether it permits logins with IAM tokens. */
  readonly iamAuth?: boolean;
}

/** The capacity of the database's class. */
export interface Capacity {
  readonly vcpus: number;
  readonly memoryMiB: number;
}

export interface Cluster {
  readonly identifier: string;
  readonly engine: string;
  readonly status: string;
  readonly host: string;
  readonly port: number;
  readonly securityGroupIds: readonly string[];
  readonly members: readonly { readonly id: string; readonly writer: boolean }[];
  readonly resourceId: string;
  readonly engineVersion: string;
  readonly vpcId: string;
  readonly parameterGroup: string;
  readonly networkType?: string;
  readonly iamAuth?: boolean;
  /** The maximum capacity units of Serverless v2. */
  readonly serverlessMax?: number;
}

export interface Vpc {
  readonly id: string;
  readonly tenancy: string;
  readonly cidrs: readonly string[];
}

export interface Subnet {
  readonly id: string;
  readonly zone: string;
  /** A physical zone has the same id in every account; its names differ. */
  readonly zoneId: string;
  readonly freeAddresses: number;
  readonly cidr?: string;
  readonly ipv6?: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

/** How packets leave a subnet for the AWS services. */
export interface WayOut {
  /** The target of the default route, by subnet; absent if there is none. */
  readonly routes: Readonly<Record<string, string>>;
  /**
   * The services with an endpoint in the VPC, as `com.amazonaws.eu-central-1.logs`, without the subnets of gateways'
   * route tables.
   */
  readonly endpoints: readonly string[];
}

/** The image of the tasks. */
export interface Image {
  readonly repository: string;
  readonly reference: string;
  readonly digest: string;
  /** The processor architectures of the image, `arm64` or `amd64`; absent if they could not be read. */
  readonly architectures?: readonly string[];
}

/** The contents of the certificate's secret; the key itself is not kept. */
export interface Certificate {
  /** Why the pair cannot be used; empty if it can. */
  readonly problems: readonly string[];
  readonly names: readonly string[];
  readonly ends?: string;
}

/** One direction of one rule of a security group. */
export interface Rule {
  /** `tcp`, `udp`, or `-1` for all. */
  readonly protocol: string;
  readonly fromPort?: number;
  readonly toPort?: number;
  readonly cidrs: readonly string[];
  readonly groups: readonly string[];
  readonly prefixLists: readonly string[];
}

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly ingress: readonly Rule[];
  readonly egress: readonly Rule[];
}

export interface Role {
  readonly name: string;
  readonly arn: string;
  /** The trust policy, parsed. */
  readonly trust: unknown;
}

/** IAM's answer on what an identity may do: by action, `allowed` or the reason why not. */
export type Simulation = Readonly<Record<string, string>>;

export interface Secret {
  readonly name: string;
  /** Complete, with the six random characters at the end. */
  readonly arn: string;
  readonly kmsKeyId?: string;
  readonly deletedOn?: string;
  readonly hasCurrent: boolean;
  readonly rotates: boolean;
  /** Its resource policy, parsed; absent if it has none, or if the caller is not allowed to read it. */
  readonly policy?: unknown;
}

export interface KmsKey {
  readonly arn: string;
  readonly state: string;
  readonly awsManaged: boolean;
  /** Its policy, parsed; absent if the caller is not allowed to read it. */
  readonly policy?: unknown;
}

/** An existing proxy. */
export interface ExistingProxy {
  readonly name: string;
  readonly arn: string;
  readonly status: string;
  readonly endpoint: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Identifiers of its target databases. */
  readonly targets: readonly string[];
  readonly maxConnectionsPercent?: number;
}

export interface DeployedStack {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly reason?: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Whether CloudFormation refuses to delete it. */
  readonly protected?: boolean;
  /** The SNS topics of its events. */
  readonly topics?: readonly string[];
  /** Empty if the stack was never created completely: its first change set waits for review, or the creation failed. */
  readonly template: Readonly<Record<string, unknown>>;
}

/**
 * What `--deep` reads about one secret: its value, and the result of a login with it. The password itself is never
 * kept.
 */
export interface Deep {
  readonly secret: string;
  readonly user?: string;
  readonly hasPassword: boolean;
  readonly json: boolean;
  readonly login: Look<LoginFacts>;
}

export interface LoginFacts {
  /**
   * `SCRAM-SHA-256`, `md5` or `unknown`: how the server stores the password, or new passwords if the stored one cannot
   * be read.
   */
  readonly passwordKind: string;
  readonly maxConnections: number;
  readonly reserved: number;
  /** The connection limit of the database role; -1 for none. */
  readonly roleLimit: number;
  readonly inUse: number;
  readonly tls: boolean;
}

/** An ECS cluster for the tasks. */
export interface EcsCluster {
  readonly name: string;
  /** ACTIVE if it accepts services. */
  readonly status: string;
  readonly capacityProviders: readonly string[];
}

/** What AWS knows about a fixed address of the load balancer. */
export interface FixedAddress {
  /** The allocation id of an Elastic IP, or a private address. */
  readonly address: string;
  /** What it is attached to, if anything. */
  readonly usedBy?: string;
}

/** An existing log group. */
export interface ExistingLogGroup {
  readonly name: string;
  /** STANDARD or INFREQUENT_ACCESS. */
  readonly class: string;
}

/** Everything that is read before the plan is made. */
export interface Facts {
  readonly caller: Look<Caller>;
  readonly database: Look<Database>;
  /** Identifiers of the region's instances, if the requested one does not exist. */
  readonly databaseNames: readonly string[];
  readonly capacity: Look<Capacity>;
  readonly cluster: Look<Cluster>;
  /** Identifiers of the region's clusters, if the requested one does not exist. */
  readonly clusterNames: readonly string[];
  readonly clusterParameters: Look<Readonly<Record<string, string>>>;
  readonly vpc: Look<Vpc>;
  /** All subnets of the VPC, so that a check can name similar ones. */
  readonly subnets: Look<readonly Subnet[]>;
  /** The groups of the proxy: all groups of the VPC with that name, or those with the given ids. */
  readonly namedGroups: Look<readonly SecurityGroup[]>;
  /** Names of all groups of the VPC, to suggest similar ones. */
  readonly groupNames: readonly string[];
  readonly databaseGroups: Look<readonly SecurityGroup[]>;
  readonly role: Look<Role>;
  /** What the role may do: `secretsmanager:GetSecretValue` and, with a key, `kms:Decrypt`, by secret. */
  readonly roleRights: Look<Simulation>;
  /** By the name in the inputs. */
  readonly secrets: Readonly<Record<string, Look<Secret>>>;
  readonly keys: Readonly<Record<string, Look<KmsKey>>>;
  readonly tlsSecret: Look<Secret>;
  /** The credentials of a private registry. */
  readonly imageSecret: Look<Secret>;
  readonly certificate: Look<Certificate>;
  readonly image: Look<Image>;
  readonly wayOut: Look<WayOut>;
  readonly ecsCluster: Look<EcsCluster>;
  /** Existing Elastic IPs, or private addresses in use. */
  readonly fixedAddresses: Look<readonly FixedAddress[]>;
  /** The key that encrypts the logs. */
  readonly logKey: Look<KmsKey>;
  /** The parameters of the database that the checks need: `rds.force_ssl`, `max_connections`, … */
  readonly parameters: Look<Readonly<Record<string, string>>>;
  readonly proxies: Look<readonly ExistingProxy[]>;
  readonly proxyQuota: Look<number>;
  readonly logGroups: Look<readonly ExistingLogGroup[]>;
  readonly stack: Look<DeployedStack>;
  readonly callerRights: Look<Simulation>;
  /** One entry for each secret of a database user. */
  readonly deep: Look<readonly Deep[]>;
}
