import { record, list } from '../values.ts';
import { openPort, egress } from './network-rules.ts';
import type { Rule, Violation } from './rule.ts';
import { environmentOf } from './service-environment.ts';

const proxy = 'AWS::RDS::DBProxy';
const targetGroup = 'AWS::RDS::DBProxyTargetGroup';

const tls: Rule = {
  id: 'SLUICE-TLS',
  title: 'TLS is required of clients',
  why: 'Without it passwords and rows may cross the network in clear text.',
  fix: 'set RequireTLS = true',
  run: (template) => [
    ...template
      .ofType(proxy)
      .filter(({ properties }) => properties['RequireTLS'] !== true)
      .map(({ id }) => ({ resource: id, detail: 'RequireTLS is not true' })),
    ...environmentOf(template)
      .filter(({ values }) => values['SLUICE_REQUIRE_TLS'] !== 'true')
      .map(({ resource }) => ({ resource, detail: 'SLUICE_REQUIRE_TLS is not true' })),
  ],
};

const iam: Rule = {
  id: 'SLUICE-IAM',
  title: 'IAM authentication is not weaker than requested',
  why: 'A user left out of the IAM requirement can log in with a password.',
  fix: 'leave IAMAuth out of the entries of Auth, or set it to REQUIRED',
  run: (template, { inputs }) => [
    ...environmentOf(template).flatMap(({ resource, values }): Violation[] => {
      const { Auth, ClientAuth } = record(JSON.parse(values['SETTINGS_JSON'] ?? '{}'));
      const weak = list(Auth)
        .map(record)
        .filter((entry) => inputs.IAMAuth === 'REQUIRED' && entry['IAMAuth'] !== 'REQUIRED');
      const open =
        inputs.DefaultAuthScheme === 'IAM_AUTH' &&
        !list(ClientAuth).some((rule) => record(rule)['Method'] === 'iam');
      return [
        ...(inputs.DefaultAuthScheme === 'IAM_AUTH' ? [] : weak).map((entry) => ({
          resource,
          detail: `${String(entry['SecretArn'])} does not require IAM, and IAMAuth is REQUIRED`,
        })),
        ...(open
          ? [
              {
                resource,
                detail: 'no rule asks clients for IAM tokens, and DefaultAuthScheme is IAM_AUTH',
              },
            ]
          : []),
      ];
    }),
    ...template.ofType(proxy).flatMap(({ id, properties }): Violation[] => {
      const weak = list(properties['Auth'])
        .map(record)
        .filter((entry) => inputs.IAMAuth === 'REQUIRED' && entry['IAMAuth'] !== 'REQUIRED')
        .map((entry) => ({
          resource: id,
          detail: `${String(entry['SecretArn'])} does not require IAM, and IAMAuth is REQUIRED`,
        }));
      const scheme =
        inputs.DefaultAuthScheme === 'IAM_AUTH' && properties['DefaultAuthScheme'] !== 'IAM_AUTH'
          ? [{ resource: id, detail: 'DefaultAuthScheme is not IAM_AUTH, unlike the input' }]
          : [];
      return [...weak, ...scheme];
    }),
  ],
};

const debug: Rule = {
  id: 'SLUICE-DEBUG',
  title: 'debug logging is off',
  why: 'It writes the text of statements, with the data in them, to the log.',
  fix: 'set DebugLogging = false',
  run: (template) => [
    ...template
      .ofType(proxy)
      .filter(({ properties }) => properties['DebugLogging'] === true)
      .map(({ id }) => ({ resource: id, detail: 'DebugLogging is true' })),
    ...environmentOf(template)
      .filter(({ values }) => values['SLUICE_DEBUG_LOGGING'] === 'true')
      .map(({ resource }) => ({ resource, detail: 'SLUICE_DEBUG_LOGGING is true' })),
  ],
};

/** A complete ARN ends with a hyphen and six characters that Secrets Manager adds. */
const completeArn = /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:.+-[A-Za-z0-9]{6}$/;

const secretArn: Rule = {
  id: 'SLUICE-SECRET-ARN',
  title: 'secrets are named by complete ARN',
  why: 'RDS rejects partial ones, and a policy with one also matches secrets with similar names.',
  fix: 'give the complete ARN, with the six characters at its end',
  run: (template) =>
    template.ofType(proxy).flatMap(({ id, properties }) =>
      list(properties['Auth'])
        .map((entry) => record(entry)['SecretArn'])
        .filter((arn) => typeof arn !== 'string' || !completeArn.test(arn))
        .map((arn) => ({ resource: id, detail: `${JSON.stringify(arn)} is not a complete ARN` })),
    ),
};

const retention: Rule = {
  id: 'SLUICE-LOG-RETENTION',
  title: 'log groups have a retention',
  why: 'Logs that never expire keep costing money, and may keep personal data.',
  fix: 'set LogRetentionInDays',
  run: (template) =>
    template
      .ofType('AWS::Logs::LogGroup')
      .filter(({ properties }) => typeof properties['RetentionInDays'] !== 'number')
      .map(({ id }) => ({ resource: id, detail: 'RetentionInDays is not set' })),
};

const name: Rule = {
  id: 'SLUICE-NAME',
  title: 'names are valid in AWS',
  why: 'CloudFormation’s own schema accepts invalid ones; the apply would fail.',
  fix: 'give letters, digits and single hyphens, a letter first, at most 63 of them',
  run: (template) =>
    [
      { type: proxy, property: 'DBProxyName', most: 63 },
      { type: 'AWS::RDS::DBProxyEndpoint', property: 'DBProxyEndpointName', most: 63 },
      { type: 'AWS::ElasticLoadBalancingV2::LoadBalancer', property: 'Name', most: 32 },
    ].flatMap(({ type, property, most }) =>
      template.ofType(type).flatMap(({ id, properties }) => {
        const value = properties[property];
        const fits =
          typeof value === 'string' &&
          value.length <= most &&
          /^[a-zA-Z](?:-?[a-zA-Z0-9]+)*$/.test(value);
        return fits ? [] : [{ resource: id, detail: `${property} is ${JSON.stringify(value)}` }];
      }),
    ),
};

const percent: Rule = {
  id: 'SLUICE-PERCENT',
  title: 'percentages and times are in range',
  why: 'RDS rejects them only when the resource is created.',
  fix: 'MaxConnectionsPercent 1 to 100, MaxIdleConnectionsPercent 0 to that, ConnectionBorrowTimeout 0 to 300, IdleClientTimeout 1 to 28800',
  run: (template) => [
    ...template.ofType(targetGroup).flatMap(({ id, properties }) => {
      const pool = record(properties['ConnectionPoolConfigurationInfo']);
      const most = Number(pool['MaxConnectionsPercent']);
      return [
        ...outside(id, 'MaxConnectionsPercent', most, 1, 100),
        ...outside(id, 'MaxIdleConnectionsPercent', pool['MaxIdleConnectionsPercent'], 0, most),
        ...outside(id, 'ConnectionBorrowTimeout', pool['ConnectionBorrowTimeout'], 0, 300),
      ];
    }),
    ...template
      .ofType(proxy)
      .flatMap(({ id, properties }) =>
        outside(id, 'IdleClientTimeout', properties['IdleClientTimeout'], 1, 28_800),
      ),
  ],
};

function outside(
  resource: string,
  property: string,
  value: unknown,
  least: number,
  most: number,
): Violation[] {
  return typeof value === 'number' && value >= least && value <= most
    ? []
    : [
        {
          resource,
          detail: `${property} is ${JSON.stringify(value)}, allowed are ${least} to ${most}`,
        },
      ];
}

const zones: Rule = {
  id: 'SLUICE-ZONES',
  title: 'the proxy is in at least two subnets',
  why: 'In a single zone it fails with that zone.',
  fix: 'let vpc_subnet_filter_tag match subnets in two zones',
  run: (template) =>
    [
      { type: proxy, property: 'VpcSubnetIds' },
      { type: 'AWS::RDS::DBProxyEndpoint', property: 'VpcSubnetIds' },
      { type: 'AWS::ElasticLoadBalancingV2::LoadBalancer', property: 'Subnets' },
    ].flatMap(({ type, property }) =>
      template.ofType(type).flatMap(({ id, properties }) => {
        const mapped = list(properties['SubnetMappings']).map((entry) => record(entry)['SubnetId']);
        const subnets = new Set([...list(properties[property]), ...mapped]);
        return subnets.size >= 2
          ? []
          : [{ resource: id, detail: `${property} has ${subnets.size} subnets` }];
      }),
    ),
};

const leastPrivilege: Rule = {
  id: 'SLUICE-ROLE',
  title: 'created roles have no broad permissions',
  why: 'A proxy needs its secrets and little else; anyone who breaks into it should gain nothing more.',
  fix: 'name the actions and resources that are needed',
  run: (template) =>
    ['AWS::IAM::ManagedPolicy', 'AWS::IAM::Policy', 'AWS::IAM::Role'].flatMap((type) =>
      template.ofType(type).flatMap(({ id, properties }) => {
        const documents = [
          properties['PolicyDocument'],
          ...list(properties['Policies']).map((policy) => record(policy)['PolicyDocument']),
        ];
        const actions = documents.flatMap((document) =>
          list(record(document)['Statement']).flatMap((statement) => record(statement)['Action']),
        );
        const wide = actions
          .flat()
          .filter((action) => typeof action === 'string' && /^(?:\*|\w+:\*)$/.test(action));
        const admin = JSON.stringify(properties['ManagedPolicyArns'] ?? '').includes(
          'AdministratorAccess',
        );
        return [
          ...wide.map((action) => ({ resource: id, detail: `it allows ${String(action)}` })),
          ...(admin ? [{ resource: id, detail: 'it has AdministratorAccess' }] : []),
        ];
      }),
    ),
};

const execute: Rule = {
  id: 'SLUICE-EXEC',
  title: 'nobody can run commands in a task',
  why: 'ECS Exec needs a writable root file system, and its user is root next to the passwords in the daemon’s memory.',
  fix: 'set EnableExecuteCommand = false',
  run: (template) =>
    template
      .ofType('AWS::ECS::Service')
      .filter(({ properties }) => properties['EnableExecuteCommand'] === true)
      .map(({ id }) => ({ resource: id, detail: 'EnableExecuteCommand is true' })),
};

const spot: Rule = {
  id: 'SLUICE-SPOT',
  title: 'some tasks are not on Fargate Spot',
  why: 'AWS may reclaim all Spot tasks at once, and then no client reaches the database.',
  fix: 'set FargateBase, or FargateWeight, to 1 or more',
  run: (template) =>
    template.ofType('AWS::ECS::Service').flatMap(({ id, properties }) => {
      const strategy = list(properties['CapacityProviderStrategy']).map(record);
      const lasting = strategy.some(
        (one) =>
          one['CapacityProvider'] !== 'FARGATE_SPOT' &&
          (Number(one['Base'] ?? 0) > 0 || Number(one['Weight'] ?? 0) > 0),
      );
      return strategy.length === 0 || lasting
        ? []
        : [{ resource: id, detail: 'every task runs on Fargate Spot' }];
    }),
};

const publicBalancer: Rule = {
  id: 'SLUICE-PUBLIC',
  title: 'the endpoint is not on the internet',
  why: 'Strangers try a database port on the internet within minutes; only the security group keeps them out.',
  fix: 'give private IPv4 addresses in BalancerAddresses, or use PrivateLink (PrivateLinkPrincipals)',
  run: (template) =>
    template
      .ofType('AWS::ElasticLoadBalancingV2::LoadBalancer')
      .filter(({ properties }) => properties['Scheme'] !== 'internal')
      .map(({ id, properties }) => ({
        resource: id,
        detail: `Scheme is ${JSON.stringify(properties['Scheme'])}`,
      })),
};

/** Our own rules. */
export const rules: readonly Rule[] = [
  tls,
  iam,
  debug,
  secretArn,
  openPort,
  egress,
  retention,
  name,
  percent,
  zones,
  leastPrivilege,
  execute,
  spot,
  publicBalancer,
];
