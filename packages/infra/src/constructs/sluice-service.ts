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

/** A Sluice service. */
export interface ISluiceService extends IResource, IConnectable {
  /** The host name that clients connect to; the port is 5432. @attribute */
  readonly endpoint: string;
  /**
   * Lets an identity log in: it may read the secrets of the users with passwords, and connect to the database with tokens
   * where those are used.
   * @param dbUser the database user of the tokens. @default - all
   */
  grantConnect(grantee: IGrantable, dbUser?: string): Grant;
}

/**
 * Sluice on ECS Fargate behind a Network Load Balancer, in front of an existing PostgreSQL.
 *
 * TLS goes through the balancer as it is and ends in the tasks: PostgreSQL asks for it in its own way, which a balancer
 * does not know. Tasks are replaced one by one: a new one is healthy first, the old one gets no new clients, then
 * SIGTERM, finishes its transactions and closes its clients.
 */
export class SluiceService extends Resource implements ISluiceService {
  readonly endpoint: string;
  readonly connections: Connections;
  readonly loadBalancer: NetworkLoadBalancer;
  readonly service: FargateService;
  /** The role that starts tasks, and gives them their certificate. */
  readonly executionRole: Role;
  /** The role that reads the secrets of the database's users, now and after each rotation. */
  readonly taskRole: Role;

  /** The endpoint service for PrivateLink, when there is one. */
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
      // Not the given ones: their rules for clients would open the admin port, and the way past the balancer.
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
      // A balancer that is made without groups can never have any.
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

  /** A metric of the balancer, namespace AWS/NetworkELB. */
  metric(metricName: string, props?: MetricOptions): Metric {
    return this.loadBalancer.metrics.custom(metricName, props);
  }

  /** Client connections that are open. */
  metricClientConnections(props?: MetricOptions): Metric {
    return this.loadBalancer.metrics.activeFlowCount({ statistic: 'Maximum', ...props });
  }

  /** Tasks that the balancer sends clients to. */
  metricHealthyTasks(props?: MetricOptions): Metric {
    return this.#monitoring.healthyTasks(props);
  }

  /** How busy the event loop of the tasks is, in percent of the one processor that it can use; the average of all tasks. */
  metricEventLoop(props?: MetricOptions): Metric {
    return this.#taskMetric('EventLoopPercent', props);
  }

  /** Client connections of one task; the average of all tasks. */
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

  /** CPU of the tasks, in percent of what they have. */
  metricCpuUtilization(props?: MetricOptions): Metric {
    return this.service.metricCpuUtilization(props);
  }

  /** Memory of the tasks, in percent of what they have. */
  metricMemoryUtilization(props?: MetricOptions): Metric {
    return this.service.metricMemoryUtilization(props);
  }

  #cluster(): ICluster {
    const cluster = new Cluster(this, 'Cluster', {
      vpc: this.#props.vpc,
      // AWS hands out a cluster or dashboard that is there already, and destroy would take somebody else's away.
      clusterName: `sluice-${this.#props.serviceName}`,
      containerInsightsV2: ContainerInsights.ENABLED,
    });
    const resource = cluster.node.defaultChild;
    if (resource instanceof CfnCluster) {
      // In the cluster itself: as a resource beside it they would be one more that can drift.
      resource.capacityProviders = ['FARGATE', 'FARGATE_SPOT'];
    }
    // aws-cdk-lib declares an optional property of it less strictly than its own interface.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return cluster as ICluster;
  }

  /**
   * A cluster of its own has capacity providers from the start, so that Spot can be turned on later: from a launch type
   * CloudFormation would replace the service. A given cluster may have none, so its service gets the launch type.
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
          // Logs outlive the proxy; only a creation that fails takes its empty group back.
          removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
          ...(encryptionKey === undefined ? {} : { encryptionKey }),
        });
  }

  /** The balancer reaches the tasks; the tasks reach the database and, on 443, AWS's endpoints. */
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
      // ECS takes a task out of the group first, waits for this, and sends SIGTERM then.
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
        // Health is answered by the thread that serves the queries: two slow answers are load, and no failure.
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
    // The default cuts every connection of a task that is slow to answer, in the middle of its transaction.
    targetGroup.setAttribute(
      'target_health_state.unhealthy.connection_termination.enabled',
      'false',
    );
    this.loadBalancer.addListener('Listener', {
      port: ports.clients,
      protocol: Protocol.TCP,
      // The longest there is: the daemon closes idle clients itself, and tells them.
      tcpIdleTimeout: Duration.seconds(6000),
      defaultTargetGroups: [targetGroup],
    });
    return targetGroup;
  }

  /** Clients of other VPCs and accounts reach the balancer by an endpoint service, which they have to be named for. */
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
   * Out quickly, in slowly: connections do not move to a new task by themselves. What limits a task is its one event loop,
   * and the sockets that it may hold; both are in metrics that the tasks write themselves.
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

/** Elastic IPs are addresses of the internet; every other balancer is internal. */
function onInternet({ balancerAddresses = [] }: SluiceServiceProps): boolean {
  return balancerAddresses.some(({ allocationId }) => allocationId !== undefined);
}

/** Client connections of one task at which it is full: two sockets each, of the 65,535 that it may open. */
const mostConnections = 30_000;

/**
 * The count stands in the template of a new service only: at a later deployment it would throw away what autoscaling has
 * come to.
 */
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
