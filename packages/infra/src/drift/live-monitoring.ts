import {
  DescribeScalableTargetsCommand,
  DescribeScalingPoliciesCommand,
  ServiceNamespace,
  type CustomizedMetricSpecification,
} from '@aws-sdk/client-application-auto-scaling';
import { DescribeAlarmsCommand, GetDashboardCommand } from '@aws-sdk/client-cloudwatch';
import { list, record } from '../values.ts';
import { Compared, type LiveReader } from './live.ts';

/** CloudFormation's id of a scalable target is `service/CLUSTER/SERVICE|DIMENSION|NAMESPACE`. */
export function resourceOf(target: unknown): string {
  return String(target).split('|')[0] ?? '';
}

const scalableTarget: LiveReader = async ({ clients, id }) => {
  const answer = await clients.scaling.send(
    new DescribeScalableTargetsCommand({
      ServiceNamespace: ServiceNamespace.ECS,
      ResourceIds: [resourceOf(id)],
    }),
  );
  const live = answer.ScalableTargets?.[0];
  return live === undefined
    ? undefined
    : { MinCapacity: live.MinCapacity, MaxCapacity: live.MaxCapacity };
};

const scalingPolicy: LiveReader = async ({ clients, resource }) => {
  const answer = await clients.scaling.send(
    new DescribeScalingPoliciesCommand({
      ServiceNamespace: ServiceNamespace.ECS,
      ResourceId: resourceOf(resource.properties['ScalingTargetId']),
    }),
  );
  const live = answer.ScalingPolicies?.find(
    (policy) => policy.PolicyName === resource.properties['PolicyName'],
  );
  const tracking = live?.TargetTrackingScalingPolicyConfiguration;
  return live === undefined
    ? undefined
    : {
        PolicyType: live.PolicyType,
        TargetTrackingScalingPolicyConfiguration: {
          CustomizedMetricSpecification: customized(tracking?.CustomizedMetricSpecification),
          ScaleInCooldown: tracking?.ScaleInCooldown,
          ScaleOutCooldown: tracking?.ScaleOutCooldown,
          TargetValue: tracking?.TargetValue,
        },
      };
};

/** The tracked metric as in a template; the period is omitted at its default. */
function customized(live: CustomizedMetricSpecification | undefined): unknown {
  return live === undefined
    ? undefined
    : {
        MetricName: live.MetricName,
        Namespace: live.Namespace,
        Statistic: live.Statistic,
        Dimensions: live.Dimensions?.map(({ Name, Value }) => ({ Name, Value })),
      };
}

const alarm: LiveReader = async ({ clients, id }) => {
  const answer = await clients.cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [id] }));
  const live = answer.MetricAlarms?.[0];
  const actions = live?.AlarmActions ?? [];
  return live === undefined
    ? undefined
    : {
        Namespace: live.Namespace,
        MetricName: live.MetricName,
        Statistic: live.Statistic,
        Period: live.Period,
        EvaluationPeriods: live.EvaluationPeriods,
        Threshold: live.Threshold,
        ComparisonOperator: live.ComparisonOperator,
        TreatMissingData: live.TreatMissingData,
        AlarmActions: actions.length === 0 ? undefined : actions,
        // A muted alarm is the most harmful drift.
        ActionsEnabled: new Compared(true, live.ActionsEnabled ?? true),
      };
};

const dashboard: LiveReader = async ({ clients, resource, id }) => {
  const answer = await clients.cloudWatch.send(new GetDashboardCommand({ DashboardName: id }));
  const body = answer.DashboardBody ?? '';
  return fits(resource.properties['DashboardBody'], body)
    ? {}
    : { DashboardBody: new Compared('as in the template', body) };
};

/**
 * Whether a text can be the result of the template's value: it contains the literal parts of an Fn::Join in order, with
 * anything between them.
 */
function fits(template: unknown, live: string): boolean {
  if (typeof template === 'string') {
    return template === live;
  }
  const [, parts] = list(record(template)['Fn::Join']);
  let at = 0;
  for (const part of list(parts)) {
    if (typeof part === 'string') {
      const found = live.indexOf(part, at);
      if (found < 0) {
        return false;
      }
      at = found + part.length;
    }
  }
  return true;
}

/** Autoscaling, alarms and the dashboard of engine sluice. */
export const liveMonitoring: Readonly<Record<string, LiveReader>> = {
  'AWS::ApplicationAutoScaling::ScalableTarget': scalableTarget,
  'AWS::ApplicationAutoScaling::ScalingPolicy': scalingPolicy,
  'AWS::CloudWatch::Alarm': alarm,
  'AWS::CloudWatch::Dashboard': dashboard,
};
