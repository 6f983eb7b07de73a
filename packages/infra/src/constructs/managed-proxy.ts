import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Connections, Port, SecurityGroup, type ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
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
import { ProxyRole } from './proxy-role.ts';
import { ordered, tagList } from './template-values.ts';
import { validateManagedProxy } from './validate-managed-proxy.ts';

/**
 * An Amazon RDS Proxy in front of an existing PostgreSQL instance or cluster, with its target group, its log group
 * and, unless they are given, its role and security group.
 *
 * Against `aws-rds.DatabaseProxy` it adds: identifiers in place of constructs for databases that live elsewhere,
 * the order of subnets, the log group's retention, IAM on both legs, network types, init query, metrics.
 *
 * @resource AWS::RDS::DBProxy
 */
export class ManagedProxy extends ManagedProxyBase {
  /** A proxy that was made elsewhere. */
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
  /** The role by which RDS reads the secrets. */
  readonly role: IRole;
  /** The target and its pool settings. */
  readonly targetGroup: CfnDBProxyTargetGroup;
  /** Ids of the subnets, in order. */
  readonly subnetIds: readonly string[];

  readonly #resource: CfnDBProxy;
  readonly #groups: readonly ISecurityGroup[];
  readonly #props: ManagedProxyProps;

  constructor(scope: Construct, id: string, props: ManagedProxyProps) {
    super(scope, id, { physicalName: props.dbProxyName ?? id });
    validateManagedProxy(this, this.physicalName, props);
    this.#props = props;
    const auth = props.auth ?? [];
    this.role =
      props.role ?? new ProxyRole(this, 'Role', { secrets: auth.map((entry) => entry.secret) });
    // CloudFormation takes another order of the same subnets for a change that needs a new proxy.
    this.subnetIds = ordered(props.vpc.selectSubnets(props.vpcSubnets).subnetIds);
    this.#groups = props.securityGroups ?? [
      new SecurityGroup(this, 'SecurityGroup', {
        vpc: props.vpc,
        description: `Amazon RDS Proxy ${this.physicalName}`,
        allowAllOutbound: false,
      }),
    ];
    this.connections = new Connections({
      securityGroups: [...this.#groups],
      defaultPort: Port.POSTGRES,
    });
    this.#resource = this.#makeProxy(auth);
    this.targetGroup = this.#makeTargetGroup();
    this.#makeLogGroup();
    this.dbProxyName = this.getResourceNameAttribute(this.#resource.ref);
    this.dbProxyArn = this.#resource.attrDbProxyArn;
    this.endpoint = this.#resource.attrEndpoint;
  }

  /** Adds an endpoint beside the default one. */
  addEndpoint(id: string, options: ManagedProxyEndpointOptions = {}): CfnDBProxyEndpoint {
    const networkType = options.endpointNetworkType ?? this.#props.endpointNetworkType;
    return new CfnDBProxyEndpoint(this, id, {
      dbProxyName: this.#resource.ref,
      dbProxyEndpointName: options.dbProxyEndpointName ?? id,
      vpcSubnetIds: ordered(options.subnetIds ?? this.subnetIds),
      vpcSecurityGroupIds: [
        ...(options.securityGroupIds ?? this.#groups.map((group) => group.securityGroupId)),
      ],
      targetRole: options.targetRole ?? 'READ_WRITE',
      ...(networkType === undefined ? {} : { endpointNetworkType: networkType }),
      tags: tagList(this.#props.tags),
    });
  }

  #makeProxy(auth: readonly ManagedProxyAuth[]): CfnDBProxy {
    const props = this.#props;
    return new CfnDBProxy(this, 'Resource', {
      dbProxyName: this.physicalName,
      engineFamily: 'POSTGRESQL',
      roleArn: this.role.roleArn,
      vpcSubnetIds: [...this.subnetIds],
      vpcSecurityGroupIds: this.#groups.map((group) => group.securityGroupId),
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
      // Left out at their defaults: older emulators and linters do not know these newer properties.
      ...(props.defaultAuthScheme === 'IAM_AUTH' ? { defaultAuthScheme: 'IAM_AUTH' } : {}),
      ...(props.endpointNetworkType === undefined || props.endpointNetworkType === 'IPV4'
        ? {}
        : { endpointNetworkType: props.endpointNetworkType }),
      ...(props.targetConnectionNetworkType === 'IPV6'
        ? { targetConnectionNetworkType: 'IPV6' }
        : {}),
      // Not by Tags.of(): that would tag the target group too.
      tags: tagList(props.tags),
    });
  }

  #makeTargetGroup(): CfnDBProxyTargetGroup {
    const props = this.#props;
    const { dbInstanceIdentifiers, dbClusterIdentifiers } = props.target.bind();
    const most = props.maxConnectionsPercent ?? 100;
    return new CfnDBProxyTargetGroup(this, 'TargetGroup', {
      // By reference, so that a replaced proxy takes its target along.
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

  /** Made before the proxy: RDS would make the group itself, and keep its logs for ever. */
  #makeLogGroup(): void {
    if (this.#props.createLogGroup === false) {
      return;
    }
    const group = new LogGroup(this, 'LogGroup', {
      logGroupName: `/aws/rds/proxy/${this.physicalName}`,
      retention: this.#props.logRetention ?? RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
      ...(this.#props.logEncryptionKey === undefined
        ? {}
        : { encryptionKey: this.#props.logEncryptionKey }),
    });
    this.#resource.node.addDependency(group);
  }
}
