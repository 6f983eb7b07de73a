/**
 * How long AWS usually takes to create a resource, in seconds: the shortest time, and the longest that is no cause for
 * concern.
 */
const usual: Readonly<Record<string, readonly [number, number]>> = {
  'AWS::RDS::DBProxy': [120, 480],
  'AWS::RDS::DBProxyTargetGroup': [60, 300],
  'AWS::RDS::DBProxyEndpoint': [60, 300],
  'AWS::ElasticLoadBalancingV2::LoadBalancer': [90, 240],
  'AWS::ECS::Service': [60, 300],
  'AWS::IAM::Role': [15, 30],
  'AWS::IAM::ManagedPolicy': [15, 30],
};

/** `usually 2 to 8 min`, or nothing for a resource that is created quickly. */
export function usualTime(type: string): string | undefined {
  const range = usual[type];
  if (range === undefined) {
    return undefined;
  }
  const [least, most] = range;
  return most < 60
    ? `usually ${least} to ${most} s`
    : `usually ${Math.round(least / 60)} to ${Math.round(most / 60)} min`;
}
