import {
  PutScalingPolicyCommand,
  RegisterScalableTargetCommand,
  type PutScalingPolicyCommandInput,
} from '@aws-sdk/client-application-auto-scaling';
import {
  PutDashboardCommand,
  PutMetricAlarmCommand,
  type PutMetricAlarmCommandInput,
} from '@aws-sdk/client-cloudwatch';
import { resourceOf } from '../live-monitoring.ts';
import type { Restoration, Restorer } from './restorer.ts';

/** These calls create a missing resource and change an existing one, so one of them serves both purposes. */
function putting(put: (restoration: Restoration) => Promise<unknown>): Restorer {
  const run = async (restoration: Restoration): Promise<void> => {
    await put(restoration);
  };
  return { set: run, make: run };
}

const scalableTarget = putting(async ({ clients, id, resource }) =>
  clients.scaling.send(
    new RegisterScalableTargetCommand({
      ServiceNamespace: 'ecs',
      ResourceId: resourceOf(id),
      ScalableDimension: 'ecs:service:DesiredCount',
      MinCapacity: Number(resource.properties['MinCapacity']),
      MaxCapacity: Number(resource.properties['MaxCapacity']),
    }),
  ),
);

const scalingPolicy = putting(async ({ clients, resource }) => {
  const { ScalingTargetId, ...rest } = resource.properties;
  // The other parameters of the call are the properties of the template.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const input = {
    ServiceNamespace: 'ecs',
    ScalableDimension: 'ecs:service:DesiredCount',
    ResourceId: resourceOf(ScalingTargetId),
    ...rest,
  } as unknown as PutScalingPolicyCommandInput;
  return clients.scaling.send(new PutScalingPolicyCommand(input));
});

const alarm = putting(async ({ clients, id, resource }) => {
  const { Tags: _tags, ...rest } = resource.properties;
  // As above.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const input = { AlarmName: id, ...rest } as unknown as PutMetricAlarmCommandInput;
  // An alarm that is put without ActionsEnabled has its actions enabled, so a muted one is active again.
  await clients.cloudWatch.send(new PutMetricAlarmCommand(input));
});

const dashboard = putting(async ({ clients, id, resource }) =>
  clients.cloudWatch.send(
    new PutDashboardCommand({
      DashboardName: id,
      DashboardBody: String(resource.properties['DashboardBody']),
    }),
  ),
);

/** Autoscaling, alarms and the dashboard of engine sluice. */
export const restoreMonitoring: Readonly<Record<string, Restorer>> = {
  'AWS::ApplicationAutoScaling::ScalableTarget': scalableTarget,
  'AWS::ApplicationAutoScaling::ScalingPolicy': scalingPolicy,
  'AWS::CloudWatch::Alarm': alarm,
  'AWS::CloudWatch::Dashboard': dashboard,
};
