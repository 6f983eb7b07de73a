import { Duration, RemovalPolicy, Resource, type IResource } from 'aws-cdk-lib';
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import {
  Connections,
  Peer,
  Port,
  SecurityGroup,
  VpcEndpointService,
  type IConnectable,
} from 'aws-cdk-lib/aws-ec2';
import {
  AvailabilityZoneRebalancing,
  CfnCluster,
  CfnService,
  Cluster,
  ContainerInsights,
  FargateService,
  PropagatedTagSource,
  Protocol as EcsProtocol,
  type FargateServiceProps,
  type ICluster,
} from 'aws-cdk-lib/aws-ecs';
import {
  IpAddressType,
  NetworkLoadBalancer,
  NetworkTargetGroup,
  Protocol,
  TargetType,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { ArnPrincipal, Grant, type IGrantable, type Role } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { allowIntoDatabase } from './database-ingress.ts';
import { ServiceMonitoring } from './service-monitoring.ts';
import { connectStatements } from './proxy-role.ts';
import { executionRole, taskRole } from './sluice-roles.ts';
import type { SluiceServiceProps } from './sluice-service-props.ts';
import { metricNamespace, ports } from './sluice-settings.ts';
import { sluiceTask } from './sluice-task.ts';
import { usesIam, validateSluiceService } from './validate-sluice-service.ts';

export interface ISluiceService extends IResource, IConnectable {
  /** The host name that clients connect to; the port is 5432. @attribute */
  readonly endpoint: string;
  /**
   * Lets an identity log in: it may read the secrets of the users with passwords, and connect to the database with
   * tokens if the tasks use tokens.
   * @param dbUser the database user of the tokens. @default - all
   */
  grantConnect(grantee: IGrantable, dbUser?: string): Grant;
}

/**
 * Sluice on ECS Fargate behind a Network Load Balancer, in front of an existing PostgreSQL.
 *
 * The load balancer passes TLS through, and the tasks terminate it: PostgreSQL clients request TLS with a message of
 * their own protocol, which a load balancer does not know. A deployment replaces tasks one by one: the new task is
 * healthy first; then the old one gets no new clients, receives SIGTERM, finishes its transactions and closes its
 * clients.
 */
export class SluiceService extends Resource implements ISluiceService {
  readonly endpoint: string;
  readonly connections: Connections;
  readonly loadBalancer: NetworkLoadBalancer;
  readonly service: FargateService;
  /** The role that starts tasks and passes them their certificate. */
  readonly executionRole: Role;
  /** The role that reads the secrets of the database's users, at the start and after each rotation. */
  readonly taskRole: Role;

  /** The endpoint service for PrivateLink, if there is one. */
  endpointService: VpcEndpointService | undefined;

  readonly #props: SluiceServiceProps;
  readonly #monitoring: ServiceMonitoring;

  constructor(scope: Construct, id: string, props: SluiceServiceProps) {
    super(scope, id);
    validateSluiceService(this, props);
    this.#props = props;
    const given = [...(props.securityGroups ?? [])];
    const { balancerGroup, taskGroup } = this.#groups();
    const logGroup = this.#logGroup();
    const place = {
      path: props.rolePath,
      permissionsBoundary: props.permissionsBoundary,
      maxSessionDuration: props.roleMaxSessionDuration,
    };
    this.executionRole = executionRole(this, 'ExecutionRole', {
      secrets: [
        props.tlsSecret,
        ...(props.imageCredentials === undefined ? [] : [props.imageCredentials]),
      ],
      logGroup,
      imageRepositoryArn: props.imageRepositoryArn,
      pullThrough: props.imagePullThrough,
      ...place,
    });
    this.taskRole = taskRole(this, 'TaskRole', {
      secrets: (props.auth ?? []).map(({ secret }) => secret),
      database: usesIam(props) ? props.target.resourceId : undefined,
      execute: props.enableExecuteCommand === true,
      ...place,
    });
    const taskDefinition = sluiceTask(this, 'Task', {
      ...props,
      logGroup,
      executionRole: this.executionRole,
      taskRole: this.taskRole,
    });
    this.service = new FargateService(this, 'Service', {
      cluster: props.cluster ?? this.#cluster(),
      serviceName: props.serviceName,
      taskDefinition,
      ...(props.vpcSubnets === undefined ? {} : { vpcSubnets: props.vpcSubnets }),
      // Without the given groups: their rules for clients would also open the admin port and let clients bypass the
      // load balancer.
      securityGroups: [taskGroup],
      assignPublicIp: false,
      propagateTags: PropagatedTagSource.SERVICE,
      enableECSManagedTags: true,
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { enable: true, rollback: true },
      availabilityZoneRebalancing: AvailabilityZoneRebalancing.ENABLED,
      healthCheckGracePeriod: Duration.seconds(60),
      enableExecuteCommand: props.enableExecuteCommand === true,
      ...this.#capacity(),
    });
    setTaskCount(this.service, props.desiredTasks ?? props.minTasks ?? 2);
    this.loadBalancer = new NetworkLoadBalancer(this, 'Balancer', {
      vpc: props.vpc,
      loadBalancerName: props.serviceName,
      internetFacing: onInternet(props),
      crossZoneEnabled: true,
      ...(props.balancerAddresses === undefined
        ? { vpcSubnets: props.balancerSubnets ?? { ...props.vpcSubnets, onePerAz: true } }
        : { subnetMappings: [...props.balancerAddresses] }),
      ...(props.dualStack === true ? { ipAddressType: IpAddressType.DUAL_STACK } : {}),
      // A load balancer that was created without groups can never get any.
      securityGroups: [...given, balancerGroup],
    });
    const targetGroup = this.#targetGroup();
    this.endpoint = this.loadBalancer.loadBalancerDnsName;
    this.connections = new Connections({
      securityGroups: [...given, balancerGroup],
      defaultPort: Port.tcp(ports.clients),
    });
    this.#privateLink();
    this.#scale();
    this.#monitoring = new ServiceMonitoring(this, 'Monitoring', {
      service: this.service,
      eventLoop: this.metricEventLoop(),
      connections: this.metricTaskConnections(),
      loadBalancer: this.loadBalancer,
      targetGroup,
      minTasks: props.minTasks ?? 2,
      name: props.serviceName,
      ...(props.alarmTopic === undefined ? {} : { alarmTopic: props.alarmTopic }),
    });
  }

  grantConnect(grantee: IGrantable, dbUser = '*'): Grant {
    const { auth = [], defaultAuthScheme, target } = this.#props;
    const none = Grant.drop(grantee, 'no user has a password');
    const tokens =
      defaultAuthScheme === 'IAM_AUTH' || auth.some(({ iamAuth }) => iamAuth === 'REQUIRED');
    const secrets =
      defaultAuthScheme === 'IAM_AUTH' ? [] : auth.filter(({ iamAuth }) => iamAuth !== 'REQUIRED');
    const read = secrets.map(({ secret }) => secret.grantRead(grantee));
    const connect = connectStatements(this, tokens ? target.resourceId : undefined, dbUser).map(
      (statement) =>
        Grant.addToPrincipal({
          grantee,
          actions: statement.actions,
          resourceArns: statement.resources,
        }),
    );
    return [...read, ...connect].reduce((all, grant) => all.combine(grant), none);
  }

  /** A metric of the load balancer in the namespace AWS/NetworkELB. */
  metric(metricName: string, props?: MetricOptions): Metric {
    return this.loadBalancer.metrics.custom(metricName, props);
  }

  /** Open client connections. */
  metricClientConnections(props?: MetricOptions): Metric {
    return this.loadBalancer.metrics.activeFlowCount({ statistic: 'Maximum', ...props });
  }

  /** Tasks to which the load balancer sends clients. */
  metricHealthyTasks(props?: MetricOptions): Metric {
    return this.#monitoring.healthyTasks(props);
  }

  /**
   * Utilization of the tasks' event loop, in percent of the one processor that it can use; the average of all tasks.
   */
  metricEventLoop(props?: MetricOptions): Metric {
    return this.#taskMetric('EventLoopPercent', props);
  }

  /** Client connections per task; the average of all tasks. */
  metricTaskConnections(props?: MetricOptions): Metric {
    return this.#taskMetric('ClientConnections', props);
  }

  #taskMetric(metricName: string, props: MetricOptions = {}): Metric {
    return new Metric({
      namespace: metricNamespace,
      metricName,
      dimensionsMap: { Service: this.#props.serviceName },
      statistic: 'Average',
      period: Duration.minutes(1),
      ...props,
    });
  }

  /** CPU utilization of the tasks, in percent. */
  metricCpuUtilization(props?: MetricOptions): Metric {
    return this.service.metricCpuUtilization(props);
  }

  /** Memory utilization of the tasks, in percent. */
  metricMemoryUtilization(props?: MetricOptions): Metric {
    return this.service.metricMemoryUtilization(props);
  }

  #cluster(): ICluster {
    const cluster = new Cluster(this, 'Cluster', {
      vpc: this.#props.vpc,
      // AWS returns an existing cluster or dashboard of the same name, and destroy would then remove somebody else's.
      clusterName: `sluice-${this.#props.serviceName}`,
      containerInsightsV2: ContainerInsights.ENABLED,
    });
    const resource = cluster.node.defaultChild;
    if (resource instanceof CfnCluster) {
      // In the cluster itself: as a separate resource they would be one more that can drift.
      resource.capacityProviders = ['FARGATE', 'FARGATE_SPOT'];
    }
    // aws-cdk-lib declares one optional property of it less strictly than its own interface.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return cluster as ICluster;
  }

  /**
   * A new cluster has capacity providers from the start, so that Spot can be turned on later: CloudFormation would
   * replace a service that has a launch type. An existing cluster may have none, so its service gets the launch type.
   */
  #capacity(): Pick<FargateServiceProps, 'capacityProviderStrategies'> {
    const { spot, cluster } = this.#props;
    if (spot === undefined) {
      return cluster === undefined
        ? { capacityProviderStrategies: [{ capacityProvider: 'FARGATE', weight: 1 }] }
        : {};
    }
    const { weight, onDemandWeight = 1, onDemandBase: base = 2 } = spot;
    return {
      capacityProviderStrategies: [
        ...(base === 0 && onDemandWeight === 0
          ? []
          : [
              {
                capacityProvider: 'FARGATE',
                weight: onDemandWeight,
                ...(base === 0 ? {} : { base }),
              },
            ]),
        { capacityProvider: 'FARGATE_SPOT', weight },
      ],
    };
  }

  #logGroup(): ILogGroup {
    const { serviceName, logRetention, logEncryptionKey: encryptionKey } = this.#props;
    const logGroupName = `/sluice/${serviceName}`;
    return this.#props.createLogGroup === false
      ? LogGroup.fromLogGroupName(this, 'LogGroup', logGroupName)
      : new LogGroup(this, 'LogGroup', {
          logGroupName,
          retention: logRetention ?? RetentionDays.THREE_MONTHS,
          // Logs outlive the proxy; only a failed creation removes its empty group.
          removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
          ...(encryptionKey === undefined ? {} : { encryptionKey }),
        });
  }

  /** The load balancer reaches the tasks; the tasks reach the database and, on port 443, the AWS endpoints. */
  #groups(): { readonly balancerGroup: SecurityGroup; readonly taskGroup: SecurityGroup } {
    const { vpc, serviceName, target } = this.#props;
    const balancerGroup = new SecurityGroup(this, 'BalancerGroup', {
      vpc,
      description: `From the balancer of ${serviceName} to its tasks`,
      allowAllOutbound: false,
    });
    const taskGroup = new SecurityGroup(this, 'TaskGroup', {
      vpc,
      description: `Tasks of ${serviceName}`,
      allowAllOutbound: false,
    });
    for (const [port, what] of [
      [ports.clients, 'clients'],
      [ports.admin, 'health checks'],
    ] as const) {
      taskGroup.addIngressRule(balancerGroup, Port.tcp(port), what);
      balancerGroup.addEgressRule(taskGroup, Port.tcp(port), what);
    }
    for (const [index, group] of target.securityGroups.entries()) {
      if (this.#props.allowDatabaseIngress === true) {
        allowIntoDatabase(this, `DatabaseIngress${index}`, {
          databaseGroupId: group.securityGroupId,
          from: taskGroup,
          port: target.port ?? 5432,
          description: `Tasks of ${serviceName}`,
        });
      }
      taskGroup.addEgressRule(group, Port.tcp(target.port ?? 5432), 'the database');
    }
    taskGroup.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'endpoints of AWS: image, log, secrets');
    return { balancerGroup, taskGroup };
  }

  #targetGroup(): NetworkTargetGroup {
    const targetGroup = new NetworkTargetGroup(this, 'Targets', {
      vpc: this.#props.vpc,
      port: ports.clients,
      protocol: Protocol.TCP,
      targetType: TargetType.IP,
      // ECS first takes a task out of the target group, waits for this time, and then sends SIGTERM.
      deregistrationDelay: Duration.seconds(30),
      connectionTermination: false,
      preserveClientIp: false,
      healthCheck: {
        protocol: Protocol.HTTP,
        port: String(ports.admin),
        path: '/readyz',
        interval: Duration.seconds(10),
        timeout: Duration.seconds(5),
        healthyThresholdCount: 2,
        // The thread that serves queries also answers health checks: two slow answers mean load, not failure.
        unhealthyThresholdCount: 5,
      },
      targets: [
        this.service.loadBalancerTarget({
          containerName: 'sluice',
          containerPort: ports.clients,
          protocol: EcsProtocol.TCP,
        }),
      ],
    });
    // The default closes every connection of a task that answers slowly, in the middle of its transaction.
    targetGroup.setAttribute(
      'target_health_state.unhealthy.connection_termination.enabled',
      'false',
    );
    this.loadBalancer.addListener('Listener', {
      port: ports.clients,
      protocol: Protocol.TCP,
      // The maximum: the daemon closes idle clients itself, with an error message.
      tcpIdleTimeout: Duration.seconds(6000),
      defaultTargetGroups: [targetGroup],
    });
    return targetGroup;
  }

  /**
   * Clients in other VPCs and accounts reach the load balancer through an endpoint service that permits them by name.
   */
  #privateLink(): void {
    const { privateLinkPrincipals: principals = [] } = this.#props;
    if (principals.length > 0) {
      this.endpointService = new VpcEndpointService(this, 'EndpointService', {
        vpcEndpointServiceLoadBalancers: [this.loadBalancer],
        acceptanceRequired: false,
        allowedPrincipals: principals.map((arn) => new ArnPrincipal(arn)),
      });
    }
  }

  /**
   * Scales out quickly and in slowly: connections do not move to a new task by themselves. A task is limited by its
   * single event loop and by its number of sockets. The tasks publish metrics of both.
   */
  #scale(): void {
    const { minTasks = 2, maxTasks = 4 } = this.#props;
    const scaling = this.service.autoScaleTaskCount({
      minCapacity: minTasks,
      maxCapacity: maxTasks,
    });
    const cooldowns = {
      scaleOutCooldown: Duration.seconds(60),
      scaleInCooldown: Duration.minutes(15),
    };
    scaling.scaleToTrackCustomMetric('EventLoop', {
      metric: this.metricEventLoop(),
      targetValue: 60,
      ...cooldowns,
    });
    scaling.scaleToTrackCustomMetric('Connections', {
      metric: this.metricTaskConnections(),
      targetValue: 0.6 * mostConnections,
      ...cooldowns,
    });
  }
}

/** Elastic IPs are internet addresses; every other load balancer is internal. */
function onInternet({ balancerAddresses = [] }: SluiceServiceProps): boolean {
  return balancerAddresses.some(({ allocationId }) => allocationId !== undefined);
}

/** The number of client connections at which a task is full: each needs two of its 65,535 sockets. */
const mostConnections = 30_000;

/** Only the template of a new service contains the count: in a later deployment it would override autoscaling. */
function setTaskCount(service: FargateService, count: number | 'keep'): void {
  const resource = service.node.defaultChild ?? service.node.findChild('Service');
  if (!(resource instanceof CfnService)) {
    return;
  }
  if (count === 'keep') {
    resource.addPropertyDeletionOverride('DesiredCount');
  } else {
    resource.addPropertyOverride('DesiredCount', count);
  }
}
