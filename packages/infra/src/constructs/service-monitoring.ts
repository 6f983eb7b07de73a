import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  TreatMissingData,
  type Metric,
  type MetricOptions,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { FargateService } from 'aws-cdk-lib/aws-ecs';
import type {
  NetworkLoadBalancer,
  NetworkTargetGroup,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

export interface ServiceMonitoringProps {
  readonly service: FargateService;
  readonly eventLoop: Metric;
  readonly connections: Metric;
  readonly loadBalancer: NetworkLoadBalancer;
  readonly targetGroup: NetworkTargetGroup;
  readonly minTasks: number;
  readonly name: string;
  readonly alarmTopic?: ITopic;
}

/** Alarms and a dashboard for a Sluice service. */
export class ServiceMonitoring extends Construct {
  readonly #props: ServiceMonitoringProps;
  readonly alarms: readonly Alarm[];
  readonly dashboard: Dashboard;

  constructor(scope: Construct, id: string, props: ServiceMonitoringProps) {
    super(scope, id);
    this.#props = props;
    const { service, loadBalancer } = props;
    const cpu = service.metricCpuUtilization();
    const memory = service.metricMemoryUtilization();
    this.alarms = [
      this.#alarm('TooFewTasks', this.healthyTasks(), {
        below: props.minTasks,
        text: 'fewer healthy tasks than MinTasks for three minutes',
      }),
      this.#alarm('HighEventLoop', props.eventLoop, {
        above: 80,
        text: 'the event loops of the tasks are busy above 80 % for three minutes: raise MaxTasks',
      }),
      this.#alarm('HighMemory', memory, {
        above: 80,
        text: 'memory above 80 % for three minutes: raise TaskMemory',
      }),
    ];
    this.dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: `sluice-${props.name}`,
      widgets: [
        [
          graph(
            'Client connections',
            loadBalancer.metrics.activeFlowCount({ statistic: 'Maximum' }),
          ),
          graph('New client connections', loadBalancer.metrics.newFlowCount()),
        ],
        [graph('Healthy tasks', this.healthyTasks()), graph('CPU and memory, %', cpu, memory)],
        [
          graph('Event loop, %', props.eventLoop),
          graph('Client connections of a task', props.connections),
        ],
      ],
    });
  }

  /** Tasks to which the load balancer sends clients. */
  healthyTasks(props?: MetricOptions): Metric {
    return this.#props.targetGroup.metrics.healthyHostCount({
      statistic: 'Minimum',
      period: Duration.minutes(1),
      ...props,
    });
  }

  #alarm(
    id: string,
    metric: Metric,
    limit: { readonly text: string } & ({ readonly above: number } | { readonly below: number }),
  ): Alarm {
    const alarm = metric.with({ period: Duration.minutes(1) }).createAlarm(this, id, {
      alarmDescription: `${this.#props.name}: ${limit.text}`,
      evaluationPeriods: 3,
      threshold: 'above' in limit ? limit.above : limit.below,
      comparisonOperator:
        'above' in limit
          ? ComparisonOperator.GREATER_THAN_THRESHOLD
          : ComparisonOperator.LESS_THAN_THRESHOLD,
      // Without a value, no task runs, so the alarm for too few tasks goes off. For load, a missing value means that
      // the service is new.
      treatMissingData:
        'below' in limit ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    if (this.#props.alarmTopic !== undefined) {
      alarm.addAlarmAction(new SnsAction(this.#props.alarmTopic));
    }
    return alarm;
  }
}

function graph(title: string, ...left: Metric[]): GraphWidget {
  return new GraphWidget({ title, left, width: 12 });
}
