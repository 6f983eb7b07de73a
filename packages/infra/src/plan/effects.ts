/** What happens to a resource. */
export type Action = 'add' | 'change' | 'replace' | 'remove';

/** The effect of each change on clients, by resource type and action. Types without an effect on clients are absent. */
const effects: Readonly<Record<string, Readonly<Partial<Record<Action, string>>>>> = {
  'AWS::RDS::DBProxy': {
    add: 'a new endpoint that nobody uses yet',
    change: 'clients stay connected; new connections use the new values',
    replace:
      'THE ENDPOINT CHANGES ITS NAME; the new proxy is created first, then the old one is removed and its clients are disconnected',
    remove: 'THE ENDPOINT IS REMOVED; its clients are disconnected',
  },
  'AWS::RDS::DBProxyTargetGroup': {
    change: 'clients stay connected; a lower limit is reached as connections are returned',
  },
  'AWS::RDS::DBProxyEndpoint': {
    add: 'another endpoint',
    change: 'clients stay connected',
    replace: 'THIS ENDPOINT CHANGES ITS NAME; its clients are disconnected',
    remove: 'THIS ENDPOINT IS REMOVED; its clients are disconnected',
  },
  'AWS::ElasticLoadBalancingV2::LoadBalancer': {
    add: 'a new endpoint that nobody uses yet',
    replace: 'THE ENDPOINT CHANGES ITS NAME; its clients are disconnected',
    remove: 'THE ENDPOINT IS REMOVED; its clients are disconnected',
  },
  'AWS::ElasticLoadBalancingV2::Listener': {
    replace: 'clients are disconnected and reconnect',
  },
  'AWS::ECS::TaskDefinition': {
    change: rolling(),
    replace: rolling(),
  },
  'AWS::ECS::Service': {
    replace: 'all tasks are stopped and started again: clients are disconnected and reconnect',
  },
};

function rolling(): string {
  return 'a rolling deployment: new tasks first, then each old one finishes its transactions and closes its clients, which connect again';
}

/** The effect of the change on clients; undefined if there is none. */
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
