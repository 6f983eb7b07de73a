import { Duration, Lazy, RemovalPolicy } from 'aws-cdk-lib';
import { Connections, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { Grant, IGrantable, IRole } from 'aws-cdk-lib/aws-iam';
import { LogGroup, LogGroupClass, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnDBProxy, CfnDBProxyEndpoint, CfnDBProxyTargetGroup } from 'aws-cdk-lib/aws-rds';
import type { Construct } from 'constructs';
import {
  ManagedProxyBase,
  type IManagedProxy,
  type ManagedProxyAttributes,
} from './managed-proxy-base.ts';
import type {
  ManagedProxyAuth,
  ManagedProxyEndpointOptions,
  ManagedProxyProps,
} from './managed-proxy-props.ts';
import { ImportedManagedProxy } from './imported-managed-proxy.ts';
import { PropsError } from './props-error.ts';
import { ProxyRole } from './proxy-role.ts';
import { ordered, tagList } from './template-values.ts';
import { validateManagedProxy } from './validate-managed-proxy.ts';

/**
 * An Amazon RDS Proxy in front of an existing PostgreSQL instance or cluster, with its target group, its log group and,
 * unless they are given, its role and security group.
 *
 * In addition to `aws-rds.DatabaseProxy` it has: identifiers instead of constructs for databases outside the app, a
 * fixed order of subnets, retention of the log group, IAM for clients and for the database, network types, init query,
 * metrics.
 *
 * @resource AWS::RDS::DBProxy
 */
export class ManagedProxy extends ManagedProxyBase {
  /** A proxy that was created elsewhere. */
  static fromManagedProxyAttributes(
    scope: Construct,
    id: string,
    attributes: ManagedProxyAttributes,
  ): IManagedProxy {
    return new ImportedManagedProxy(scope, id, attributes);
  }

  readonly dbProxyName: string;
  readonly dbProxyArn: string;
  readonly endpoint: string;
  readonly connections: Connections;
  /** The role with which RDS reads the secrets. */
  readonly role: IRole;
  /** The target and its pool settings; absent for an adopted proxy. */
  readonly targetGroup?: CfnDBProxyTargetGroup;
  /** Ids of the subnets, in order. */
  readonly subnetIds: readonly string[];

  readonly #resource: CfnDBProxy;
  readonly #props: ManagedProxyProps;

  constructor(scope: Construct, id: string, props: ManagedProxyProps) {
    super(scope, id, { physicalName: props.dbProxyName ?? id });
    validateManagedProxy(this, this.physicalName, props);
    this.#props = props;
    const auth = props.auth ?? [];
    this.role =
      props.role ??
      new ProxyRole(this, 'Role', {
        secrets: auth.map((entry) => entry.secret),
        databaseResourceId:
          props.defaultAuthScheme === 'IAM_AUTH' ? props.target.bind().resourceId : undefined,
        path: props.rolePath,
        permissionsBoundary: props.permissionsBoundary,
        maxSessionDuration: props.roleMaxSessionDuration,
      });
    // For CloudFormation, another order of the same subnets is a change that needs a new proxy.
    this.subnetIds = ordered(props.vpc.selectSubnets(props.vpcSubnets).subnetIds);
    const groups = props.securityGroups ?? [
      new SecurityGroup(this, 'SecurityGroup', {
        vpc: props.vpc,
        description: `Amazon RDS Proxy ${this.physicalName}`,
        allowAllOutbound: false,
      }),
    ];
    this.connections = new Connections({
      securityGroups: [...groups],
      defaultPort: Port.POSTGRES,
    });
    this.#openDatabase();
    this.#resource = this.#makeProxy(auth);
    if (props.createTargetGroup !== false) {
      this.targetGroup = this.#makeTargetGroup();
    }
    this.#makeLogGroup();
    this.dbProxyName = this.getResourceNameAttribute(this.#resource.ref);
    this.dbProxyArn = this.#resource.attrDbProxyArn;
    this.endpoint = this.#resource.attrEndpoint;
  }

  /**
   * Lets an identity log in with an IAM token.
   * @param dbUser the database user. @default - the user of the secret, if there is one secret
   */
  override grantConnect(grantee: IGrantable, dbUser?: string): Grant {
    const secrets = this.#props.auth ?? [];
    const [first] = secrets;
    if (dbUser === undefined && (first === undefined || secrets.length > 1)) {
      throw new PropsError(
        'DbUser',
        `grantConnect needs dbUser: the proxy has ${secrets.length} secrets, so whose login is meant is not clear; name the user, or '*' for all`,
        this,
      );
    }
    const user = dbUser ?? first?.secret.secretValueFromJson('username').unsafeUnwrap() ?? '';
    return super.grantConnect(grantee, user);
  }

  /** Adds an endpoint to the default one. */
  addEndpoint(id: string, options: ManagedProxyEndpointOptions = {}): CfnDBProxyEndpoint {
    if (
      options.targetRole === 'READ_ONLY' &&
      this.#props.target.bind().dbClusterIdentifiers === undefined
    ) {
      throw new PropsError(
        'TargetRole',
        `the endpoint ${id} is READ_ONLY, and the target is an instance, which has no readers; leave targetRole out, or give a cluster`,
        this,
      );
    }
    const wanted = options.endpointNetworkType ?? this.#props.endpointNetworkType;
    const networkType = wanted === 'IPV4' ? undefined : wanted;
    return new CfnDBProxyEndpoint(this, id, {
      dbProxyName: this.#resource.ref,
      dbProxyEndpointName: options.dbProxyEndpointName ?? id,
      vpcSubnetIds: ordered(options.subnetIds ?? this.subnetIds),
      vpcSecurityGroupIds:
        options.securityGroupIds === undefined ? this.#groupIds() : [...options.securityGroupIds],
      targetRole: options.targetRole ?? 'READ_WRITE',
      ...(networkType === undefined ? {} : { endpointNetworkType: networkType }),
      tags: tagList({ ...this.#props.tags, ...options.tags }),
    });
  }

  /** Evaluated late, so that it includes groups that are added to `connections` afterwards. */
  #groupIds(): string[] {
    return Lazy.list({
      produce: () => this.connections.securityGroups.map((group) => group.securityGroupId),
    });
  }

  /**
   * Permits connections from the proxy to the database on both sides, as far as the groups are known and mutable.
   * Without it the target never becomes available.
   */
  #openDatabase(): void {
    const { connectable, securityGroups, port = 5432 } = this.#props.target.bind();
    if (connectable !== undefined) {
      this.connections.allowTo(
        connectable,
        connectable.connections.defaultPort ?? Port.tcp(port),
        'the database',
      );
      return;
    }
    if (securityGroups !== undefined) {
      for (const group of securityGroups) {
        this.connections.allowTo(group, Port.tcp(port), 'the database');
      }
      return;
    }
    if (this.#props.securityGroups === undefined) {
      this.connections.allowTo(
        Peer.ipv4(this.#props.vpc.vpcCidrBlock),
        Port.tcp(port),
        'the database, wherever in the VPC it is',
      );
    }
  }

  #makeProxy(auth: readonly ManagedProxyAuth[]): CfnDBProxy {
    const props = this.#props;
    return new CfnDBProxy(this, 'Resource', {
      dbProxyName: this.physicalName,
      engineFamily: 'POSTGRESQL',
      roleArn: this.role.roleArn,
      vpcSubnetIds: [...this.subnetIds],
      vpcSecurityGroupIds: this.#groupIds(),
      auth: auth.map((entry) => ({
        authScheme: 'SECRETS',
        secretArn: entry.secret.secretArn,
        iamAuth: entry.iamAuth ?? 'DISABLED',
        clientPasswordAuthType: entry.clientPasswordAuthType ?? 'POSTGRES_SCRAM_SHA_256',
        ...(entry.description === undefined ? {} : { description: entry.description }),
      })),
      requireTls: props.requireTLS ?? true,
      idleClientTimeout: (props.idleClientTimeout ?? Duration.minutes(30)).toSeconds(),
      debugLogging: props.debugLogging ?? false,
      // Omitted at their defaults: older emulators and linters do not know these newer properties.
      ...(props.defaultAuthScheme === 'IAM_AUTH' ? { defaultAuthScheme: 'IAM_AUTH' } : {}),
      ...(props.endpointNetworkType === undefined || props.endpointNetworkType === 'IPV4'
        ? {}
        : { endpointNetworkType: props.endpointNetworkType }),
      ...(props.targetConnectionNetworkType === 'IPV6'
        ? { targetConnectionNetworkType: 'IPV6' }
        : {}),
      // Tags.of() would tag the target group too.
      tags: tagList(props.tags),
    });
  }

  #makeTargetGroup(): CfnDBProxyTargetGroup {
    const props = this.#props;
    const { dbInstanceIdentifiers, dbClusterIdentifiers } = props.target.bind();
    const most = props.maxConnectionsPercent ?? 100;
    return new CfnDBProxyTargetGroup(this, 'TargetGroup', {
      // By reference, so that a replaced proxy also replaces its target group.
      dbProxyName: this.#resource.ref,
      targetGroupName: 'default',
      ...(dbInstanceIdentifiers === undefined ? {} : { dbInstanceIdentifiers }),
      ...(dbClusterIdentifiers === undefined ? {} : { dbClusterIdentifiers }),
      connectionPoolConfigurationInfo: {
        maxConnectionsPercent: most,
        maxIdleConnectionsPercent: props.maxIdleConnectionsPercent ?? Math.floor(most / 2),
        connectionBorrowTimeout: (props.borrowTimeout ?? Duration.seconds(120)).toSeconds(),
        ...(props.initQuery === undefined ? {} : { initQuery: props.initQuery }),
      },
    });
  }

  /** Created before the proxy: RDS would create the group itself and keep its logs forever. */
  #makeLogGroup(): void {
    if (this.#props.createLogGroup === false) {
      return;
    }
    const group = new LogGroup(this, 'LogGroup', {
      logGroupName: `/aws/rds/proxy/${this.physicalName}`,
      retention: this.#props.logRetention ?? RetentionDays.THREE_MONTHS,
      // Logs outlive the proxy; only a failed creation removes its empty group.
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      // Omitted at its default: older emulators do not know it.
      ...(this.#props.logGroupClass === LogGroupClass.INFREQUENT_ACCESS
        ? { logGroupClass: LogGroupClass.INFREQUENT_ACCESS }
        : {}),
      ...(this.#props.logEncryptionKey === undefined
        ? {}
        : { encryptionKey: this.#props.logEncryptionKey }),
    });
    this.#resource.node.addDependency(group);
  }
}
