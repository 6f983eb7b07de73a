import type { Action } from './changes.ts';

/** What each change does to clients: by resource type, then by action. Types that clients do not notice are absent. */
const effects: Readonly<Record<string, Readonly<Partial<Record<Action, string>>>>> = {
  'AWS::RDS::DBProxy': {
    add: 'a new endpoint that nobody uses yet',
    change: 'clients stay connected; the new values hold for new connections',
    replace:
      'THE ENDPOINT CHANGES ITS NAME; a new proxy is made first, the old one goes when it stands, and its clients are cut off',
    remove: 'THE ENDPOINT GOES AWAY; its clients are cut off',
  },
  'AWS::RDS::DBProxyTargetGroup': {
    change: 'clients stay connected; a lower limit is reached as connections are returned',
  },
  'AWS::RDS::DBProxyEndpoint': {
    add: 'a further endpoint',
    change: 'clients stay connected',
    replace: 'THIS ENDPOINT CHANGES ITS NAME; its clients are cut off',
    remove: 'THIS ENDPOINT GOES AWAY; its clients are cut off',
  },
  'AWS::ElasticLoadBalancingV2::LoadBalancer': {
    add: 'a new endpoint that nobody uses yet',
    replace: 'THE ENDPOINT CHANGES ITS NAME; its clients are cut off',
    remove: 'THE ENDPOINT GOES AWAY; its clients are cut off',
  },
  'AWS::ElasticLoadBalancingV2::Listener': {
    replace: 'clients are cut off and connect again',
  },
  'AWS::ECS::TaskDefinition': {
    change: rolling(),
    replace: rolling(),
  },
  'AWS::ECS::Service': {
    replace: 'all tasks are stopped and started again: clients are cut off and connect again',
  },
};

function rolling(): string {
  return 'a rolling deployment: new tasks first, then each old one finishes its transactions and closes its clients, which connect again';
}

/** What the change does to clients; undefined when they do not notice. */
export function effectOnClients(
  type: string,
  action: Action,
  properties: readonly string[],
): string | undefined {
  const effect = effects[type]?.[action];
  if (type === 'AWS::RDS::DBProxy' && action === 'change' && properties.every(isTags)) {
    return undefined;
  }
  return effect;
}

function isTags(property: string): boolean {
  return property === 'Tags';
}
