/** What a look at AWS gave: the thing, or why not. Checks decide what that means. */
export type Look<T> =
  | { readonly found: T }
  | { readonly absent: 'missing' | 'denied' | 'failed' | 'not queried'; readonly detail: string };

/** The thing, when it was found. */
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
  /** The cluster it is a member of, if any. */
  readonly clusterId?: string;
  /** The instance that it copies, if it is a read replica. */
  readonly replicaOf?: string;
  readonly networkType?: string;
  /** Whether logins with IAM tokens are on. */
  readonly iamAuth?: boolean;
}

/** What the database's class has. */
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
  /** The most capacity units of Serverless v2. */
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
  /** The same physical zone has the same id in each account; names differ. */
  readonly zoneId: string;
  readonly freeAddresses: number;
  readonly cidr?: string;
  readonly ipv6?: boolean;
  readonly tags: Readonly<Record<string, string>>;
}

/** How packets leave a subnet for AWS's own services. */
export interface WayOut {
  /** By subnet: where the default route goes; absent when there is none. */
  readonly routes: Readonly<Record<string, string>>;
  /** Services with an endpoint in the VPC, `com.amazonaws.eu-central-1.logs`, with the subnets of gateways' route tables left out. */
  readonly endpoints: readonly string[];
}

/** The image that tasks are started from. */
export interface Image {
  readonly repository: string;
  readonly reference: string;
  readonly digest: string;
  /** The processors that it was built for, `arm64` or `amd64`; absent when they could not be read. */
  readonly architectures?: readonly string[];
}

/** What is in the secret of the certificate; the key itself is not kept. */
export interface Certificate {
  /** Why the pair cannot be used; empty when it can. */
  readonly problems: readonly string[];
  readonly names: readonly string[];
  readonly ends?: string;
}

/** One direction of one rule of a security group. */
export interface Rule {
  /** `tcp`, `udp`, `-1` for all. */
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

/** What IAM says an identity may do: by action, `allowed` or the reason why not. */
export type Simulation = Readonly<Record<string, string>>;

export interface Secret {
  readonly name: string;
  /** Complete, with the six random characters at the end. */
  readonly arn: string;
  readonly kmsKeyId?: string;
  readonly deletedOn?: string;
  readonly hasCurrent: boolean;
  readonly rotates: boolean;
  /** Its resource policy, parsed; absent when it has none, or it may not be read. */
  readonly policy?: unknown;
}

export interface KmsKey {
  readonly arn: string;
  readonly state: string;
  readonly awsManaged: boolean;
  /** Its policy, parsed; absent when it may not be read. */
  readonly policy?: unknown;
}

/** A proxy that exists already. */
export interface ExistingProxy {
  readonly name: string;
  readonly arn: string;
  readonly status: string;
  readonly endpoint: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Identifiers of the databases it stands in front of. */
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
  /** CloudFormation refuses to delete it. */
  readonly protected?: boolean;
  /** The SNS topics of its events. */
  readonly topics?: readonly string[];
  /** Empty when the stack was never built: a first change set waits for review, or the creation failed. */
  readonly template: Readonly<Record<string, unknown>>;
}

/** What `--deep` looks at in one secret: its value, and a login with it. The password itself is never kept. */
export interface Deep {
  readonly secret: string;
  readonly user?: string;
  readonly hasPassword: boolean;
  readonly json: boolean;
  readonly login: Look<LoginFacts>;
}

export interface LoginFacts {
  /** `SCRAM-SHA-256`, `md5` or `unknown`: the kind of the stored password, or of new ones when it may not be read. */
  readonly passwordKind: string;
  readonly maxConnections: number;
  readonly reserved: number;
  /** The role's own limit; -1 for none. */
  readonly roleLimit: number;
  readonly inUse: number;
  readonly tls: boolean;
}

/** An ECS cluster that tasks are to run in. */
export interface EcsCluster {
  readonly name: string;
  /** ACTIVE when it takes services. */
  readonly status: string;
  readonly capacityProviders: readonly string[];
}

/** What AWS knows of a fixed address of the balancer. */
export interface FixedAddress {
  /** The allocation id of an Elastic IP, or a private address. */
  readonly address: string;
  /** What it is attached to, if anything. */
  readonly usedBy?: string;
}

/** A log group that is there. */
export interface ExistingLogGroup {
  readonly name: string;
  /** STANDARD or INFREQUENT_ACCESS. */
  readonly class: string;
}

/** Everything that was read before anything is decided. */
export interface Facts {
  readonly caller: Look<Caller>;
  readonly database: Look<Database>;
  /** Identifiers of the region's instances, when the one asked for is not there. */
  readonly databaseNames: readonly string[];
  readonly capacity: Look<Capacity>;
  readonly cluster: Look<Cluster>;
  /** Identifiers of the region's clusters, when what was asked for is not there. */
  readonly clusterNames: readonly string[];
  readonly clusterParameters: Look<Readonly<Record<string, string>>>;
  readonly vpc: Look<Vpc>;
  /** All subnets of the VPC, so that near misses can be named. */
  readonly subnets: Look<readonly Subnet[]>;
  /** The groups of the proxy: all of the VPC with that name, or those whose ids were given. */
  readonly namedGroups: Look<readonly SecurityGroup[]>;
  /** Names of all groups of the VPC, for near misses. */
  readonly groupNames: readonly string[];
  readonly databaseGroups: Look<readonly SecurityGroup[]>;
  readonly role: Look<Role>;
  /** What the role may do: `secretsmanager:GetSecretValue` and, with a key, `kms:Decrypt`, by secret. */
  readonly roleRights: Look<Simulation>;
  /** By the name that the inputs give. */
  readonly secrets: Readonly<Record<string, Look<Secret>>>;
  readonly keys: Readonly<Record<string, Look<KmsKey>>>;
  readonly tlsSecret: Look<Secret>;
  /** The credentials of a private registry. */
  readonly imageSecret: Look<Secret>;
  readonly certificate: Look<Certificate>;
  readonly image: Look<Image>;
  readonly wayOut: Look<WayOut>;
  readonly ecsCluster: Look<EcsCluster>;
  /** Elastic IPs that are there, or private addresses that are in use. */
  readonly fixedAddresses: Look<readonly FixedAddress[]>;
  /** The key of the logs. */
  readonly logKey: Look<KmsKey>;
  /** The database's parameters that matter here: `rds.force_ssl`, `max_connections`, … */
  readonly parameters: Look<Readonly<Record<string, string>>>;
  readonly proxies: Look<readonly ExistingProxy[]>;
  readonly proxyQuota: Look<number>;
  readonly logGroups: Look<readonly ExistingLogGroup[]>;
  readonly stack: Look<DeployedStack>;
  readonly callerRights: Look<Simulation>;
  /** One for each secret of a database user. */
  readonly deep: Look<readonly Deep[]>;
}
