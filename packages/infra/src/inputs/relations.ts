import { RegionInfo } from 'aws-cdk-lib/region-info';
import {
  environmentName,
  parseSettings,
  settings,
  SettingsError,
  settingsTable as daemon,
} from '@sluice/proxy/settings';
import { didYouMean } from './parse.ts';
import { inputTable, type Inputs } from './table.ts';
import type { InputSpec } from './spec.ts';
import { baseName, secretNames, usesDatabaseTokens } from '../resolve/names.ts';
import { shapes } from './shapes.ts';

/** The memory sizes (MiB) that Fargate accepts for each CPU size: smallest, largest and step. */
const fargateMemory: Readonly<Record<number, readonly [number, number, number]>> = {
  256: [512, 2048, 512],
  512: [1024, 4096, 1024],
  1024: [2048, 8192, 1024],
  2048: [4096, 16_384, 1024],
  4096: [8192, 30_720, 1024],
};

/**
 * The rules between inputs: returns a sentence for each one that is violated.
 * @param given names of the inputs that were given, not filled in
 */
export function relations(inputs: Inputs, given: ReadonlySet<string>): string[] {
  return [
    ...ofOneInput(inputs),
    ...alternatives(inputs, given),
    ...names(inputs),
    ...percentages(inputs),
    ...authentication(inputs),
    ...group(inputs, given),
    ...engine(inputs, given),
  ];
}

/** The rules for a single input; also reported if other inputs are missing or wrong. */
export function ofOneInput(inputs: Partial<Inputs>): string[] {
  return [
    ...region(inputs),
    ...roleAccounts(inputs),
    ...tags('rds_proxy_tags', inputs.rds_proxy_tags ?? {}),
    ...tags('StackTags', inputs.StackTags ?? {}),
    ...topics(inputs),
    ...(inputs.DBProxyEndpoints ?? []).flatMap((endpoint, index) =>
      tags(`DBProxyEndpoints[${index}].Tags`, endpoint.Tags),
    ),
    ...acknowledgements(inputs),
  ];
}

function region({ aws_region }: Partial<Inputs>): string[] {
  if (aws_region === undefined) {
    return [];
  }
  const known = RegionInfo.regions.map((info) => info.name);
  return known.includes(aws_region)
    ? []
    : [`aws_region is "${aws_region}", which is not an AWS region${didYouMean(aws_region, known)}`];
}

/** Roles of another account never work: RDS, CloudFormation and IAM accept only those of their own. */
function roleAccounts(inputs: Partial<Inputs>): string[] {
  const names = ['rds_proxy_role', 'CloudFormationRoleArn', 'PermissionsBoundaryArn'] as const;
  const { aws_account_id: account } = inputs;
  return names.flatMap((name) => {
    const arn = inputs[name];
    // The policies of AWS itself have no account: arn:aws:iam::aws:policy/….
    const [, owner] = /^arn:[^:]+:iam::(\d{12}):/.exec(arn ?? '') ?? [];
    return owner === undefined || account === undefined || owner === account
      ? []
      : [`${name} is ${arn}, of account ${owner}; it must be of the account ${account}`];
  });
}

/** CloudFormation accepts five topics per stack. */
function topics({ StackTopicArns: arns = [] }: Partial<Inputs>): string[] {
  return arns.length > 5
    ? [`StackTopicArns has ${arns.length} topics; CloudFormation accepts at most 5`]
    : [];
}

/** One of each pair must be given: a name or tags to look up, or the ids themselves. */
export function alternatives(inputs: Inputs, given: ReadonlySet<string>): string[] {
  const wanted: readonly (readonly [
    input: keyof typeof inputTable,
    present: boolean,
    otherwise: string,
  ])[] = [
    [
      'rds_instance_id',
      inputs.rds_instance_id !== undefined || inputs.DBClusterIdentifier !== undefined,
      'DBClusterIdentifier',
    ],
    [
      'vpc_subnet_filter_tag',
      Object.keys(inputs.vpc_subnet_filter_tag).length > 0 || inputs.SubnetIds.length > 0,
      'SubnetIds',
    ],
    [
      'rds_security_group_name',
      inputs.rds_security_group_name !== undefined || inputs.SecurityGroupIds.length > 0,
      'SecurityGroupIds',
    ],
    [
      'rds_proxy_role',
      inputs.rds_proxy_role !== undefined || inputs.CreateRole || inputs.engine === 'sluice',
      'CreateRole = true',
    ],
    [
      'rds_secret_name',
      inputs.rds_secret_name !== undefined ||
        inputs.Auth.length > 0 ||
        inputs.DefaultAuthScheme === 'IAM_AUTH',
      'Auth, or DefaultAuthScheme = "IAM_AUTH"',
    ],
  ];
  const problems = wanted
    .filter(([input, present]) => !present && !given.has(input))
    .map(
      ([input, , otherwise]) =>
        `the input ${input} is missing (or ${otherwise} in its place): ${inputTable[input].doc}`,
    );
  if (inputs.CreateSecurityGroup && inputs.rds_security_group_name === undefined) {
    problems.push('CreateSecurityGroup needs rds_security_group_name, the name of the group');
  }
  if (inputs.CreateSecurityGroup && inputs.SecurityGroupIds.length > 0) {
    problems.push('CreateSecurityGroup and SecurityGroupIds exclude each other: leave one out');
  }
  const has = (name: 'DnsName' | 'HostedZoneId'): boolean =>
    inputs[name] !== undefined || given.has(name);
  if (has('DnsName') !== has('HostedZoneId')) {
    problems.push('DnsName and HostedZoneId belong together: give both, or neither');
  }
  return problems;
}

/** Names must still fit when a workspace makes them longer. */
function names(inputs: Inputs): string[] {
  const name = baseName(inputs);
  return name.length > 63
    ? [`${name} has ${name.length} characters; the name of a proxy has at most 63`]
    : [];
}

/** AWS's rules for tags; the table limits their number. RDS accepts fewer characters than other services. */
function tags(name: string, values: Readonly<Record<string, string>>): string[] {
  const strange = /[^\p{L}\p{Z}\p{N}_.:/=+\-@]/u;
  return Object.entries(values).flatMap(([key, value]) => [
    ...(/^aws:/i.test(key) ? [`${name} has the key "${key}"; aws: is reserved`] : []),
    ...(/^rds:/i.test(key) ? [`${name} has the key "${key}"; rds: is reserved`] : []),
    ...[key, value].flatMap((text) => {
      const [found] = strange.exec(text) ?? [];
      return found === undefined
        ? []
        : [
            `${name} has "${found}" in "${text}"; AWS permits letters, digits, spaces and _ . : / = + - @ in tags`,
          ];
    }),
    ...(key.length > 128 ? [`${name} has a key of ${key.length} characters; 128 is the most`] : []),
    ...(value.length > 256
      ? [`${name}."${key}" has ${value.length} characters; 256 is the most`]
      : []),
  ]);
}

function percentages(inputs: Inputs): string[] {
  const { MaxConnectionsPercent: most, MaxIdleConnectionsPercent: idle } = inputs;
  return idle <= most
    ? []
    : [
        `MaxIdleConnectionsPercent is ${idle}, above MaxConnectionsPercent, which is ${most}; give one of at most ${most}`,
      ];
}

function authentication(inputs: Inputs): string[] {
  const problems: string[] = [];
  if (
    !inputs.RequireTLS &&
    (inputs.IAMAuth === 'REQUIRED' || inputs.DefaultAuthScheme !== 'NONE')
  ) {
    problems.push('IAM authentication needs TLS: leave RequireTLS true');
  }
  const names = secretNames(inputs);
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  problems.push(...twice.map((name) => `the secret ${name} is named twice; list it once`));
  if (names.length > 200) {
    problems.push(`${names.length} secrets are named; RDS Proxy accepts at most 200`);
  }
  return problems;
}

function group(inputs: Inputs, given: ReadonlySet<string>): string[] {
  if (inputs.CreateSecurityGroup) {
    return [];
  }
  return ['ClientCidrs', 'ClientSecurityGroupIds', 'AllowDatabaseIngress']
    .filter(
      (name) => given.has(name) && !(name === 'AllowDatabaseIngress' && inputs.engine === 'sluice'),
    )
    .map(
      (name) =>
        `${name} needs CreateSecurityGroup = true: the rules of an existing group are not changed`,
    );
}

function engine(inputs: Inputs, given: ReadonlySet<string>): string[] {
  const problems: string[] = [];
  if (inputs.engine === 'sluice') {
    for (const name of ['ContainerImage', 'TlsSecretName'] as const) {
      if (inputs[name] === undefined) {
        problems.push(`engine sluice needs ${name}: ${inputTable[name].doc}`);
      }
    }
    problems.push(...sluiceAuthentication(inputs));
    const [least, most, step] = fargateMemory[inputs.TaskCpu] ?? [0, 0, 1];
    if (inputs.TaskMemory < least || inputs.TaskMemory > most || inputs.TaskMemory % step !== 0) {
      problems.push(
        `TaskMemory is ${inputs.TaskMemory}; with TaskCpu ${inputs.TaskCpu} Fargate accepts ${least} to ${most} MiB in steps of ${step}`,
      );
    }
    if (inputs.TaskCpu > 1024) {
      problems.push(
        `TaskCpu is ${inputs.TaskCpu}; a task is one process, which uses one vCPU (1024) at most: use 1024 or less, and more tasks (MinTasks, MaxTasks)`,
      );
    }
    if (inputs.EndpointNetworkType === 'IPV6') {
      problems.push(
        'EndpointNetworkType is IPV6; the load balancer of engine sluice supports IPV4 and DUAL',
      );
    }
    problems.push(...daemonSettings(inputs), ...balancerAddresses(inputs), ...capacity(inputs));
    if (inputs.MinTasks > inputs.MaxTasks) {
      problems.push(`MinTasks is ${inputs.MinTasks}, above MaxTasks, which is ${inputs.MaxTasks}`);
    }
  }
  // Inputs of the other engine are kept, not refused: one file serves both, and switching takes one word.
  const other = Object.entries(inputTable as Readonly<Record<string, InputSpec>>)
    .filter(([name, spec]) => spec.engine === 'rds-proxy' && given.has(name))
    .map(([name]) => name);
  if (inputs.engine === 'sluice' && other.includes('DBProxyEndpoints')) {
    problems.push(
      'DBProxyEndpoints is for the managed proxy; engine sluice has one endpoint, so leave it out',
    );
  }
  return problems;
}

/** Elastic IPs make a load balancer public, and private addresses keep it internal: they cannot be mixed. */
function balancerAddresses({ BalancerAddresses: addresses }: Inputs): string[] {
  const entries = Object.entries(addresses);
  const are = (shape: 'elasticIp' | 'address'): boolean =>
    entries.every(([, value]) => shapes[shape].expression.test(value));
  return [
    ...entries
      .filter(([subnet]) => !shapes.subnet.expression.test(subnet))
      .map(
        ([subnet]) =>
          `BalancerAddresses has the key "${subnet}"; it must be ${shapes.subnet.shape}, the id of a subnet`,
      ),
    ...(are('elasticIp') || are('address')
      ? []
      : [
          `BalancerAddresses has ${entries.map(([, value]) => `"${value}"`).join(', ')}; give IPv4 addresses for all subnets (an internal balancer), or eipalloc-… for all (one on the internet)`,
        ]),
    ...(entries.length === 1
      ? ['BalancerAddresses has one subnet; give one in each of two or more zones']
      : []),
  ];
}

function capacity({
  FargateSpotWeight: spot,
  FargateWeight: demand,
  MaxTasks,
  FargateBase,
}: Inputs): string[] {
  return spot === 0 && demand === 0
    ? ['FargateWeight and FargateSpotWeight are both 0; give one of them at least 1']
    : spot > 0 && FargateBase >= MaxTasks
      ? [
          `FargateBase is ${FargateBase} and MaxTasks ${MaxTasks}: no task would run on Fargate Spot; lower FargateBase, or leave FargateSpotWeight out`,
        ]
      : [];
}

/** Settings that the daemon would refuse only when its tasks start. */
function daemonSettings(inputs: Inputs): string[] {
  const { SluiceSettings: given } = inputs;
  const names = Object.keys(daemon);
  const lists = new Set<string>(
    settings.flatMap(([name, row]) => (row.type === 'list' ? [name] : [])),
  );
  const misplaced = Object.keys(given).flatMap((name) => {
    if (!names.includes(name)) {
      return [`SluiceSettings.${name} is not a setting of the daemon${didYouMean(name, names)}`];
    }
    if (name in inputTable || fixed.has(name)) {
      return [
        `SluiceSettings.${name} is set by this tool; ${fixed.has(name) ? 'leave it out' : `give the input ${name}`}`,
      ];
    }
    return lists.has(name)
      ? [`SluiceSettings.${name} is a list, and its values are texts only; leave it out`]
      : [];
  });
  return misplaced.length > 0 ? misplaced : refusedValues(inputs);
}

/** The daemon's complaints about the values, checked together with the settings that it always gets. */
function refusedValues({ SluiceSettings: given, TargetTls }: Inputs): string[] {
  const variables = new Map(Object.keys(given).map((name) => [environmentName(name), name]));
  const env = {
    SLUICE_TARGET_HOST: 'database',
    SLUICE_TARGET_TLS_MODE: TargetTls,
    SLUICE_TLS_CERT_FILE: 'tls.crt',
    SLUICE_TLS_KEY_FILE: 'tls.key',
    ...Object.fromEntries([...variables].map(([variable, name]) => [variable, given[name]])),
  };
  try {
    // The files that settings name are not read.
    parseSettings('Users: [{ UserName: user, Password: none }]', 'SluiceSettings', env);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) {
      return error.problems.flatMap(({ where, message }) =>
        variables.has(where) ? [`SluiceSettings.${variables.get(where)}: ${message}`] : [],
      );
    }
    throw error;
  }
}

/** Settings that follow from the template itself. */
const fixed = new Set([
  'ListenHost',
  'ListenPort',
  'AdminHost',
  'AdminPort',
  'TargetHost',
  'TargetPort',
  'TlsCertFile',
  'TlsKeyFile',
  'AuthFile',
]);

/** Authentication settings that the daemon would refuse only when its tasks start. */
function sluiceAuthentication(inputs: Inputs): string[] {
  const problems: string[] = [];
  if (usesDatabaseTokens(inputs)) {
    if (inputs.TargetTls !== 'verify-full') {
      problems.push(
        `TargetTls is ${inputs.TargetTls}; with IAM tokens it must be verify-full, since anyone who gets a token can use it`,
      );
    }
    if (inputs.SluiceSettings['TargetIamAuth'] === 'false') {
      problems.push(
        'SluiceSettings.TargetIamAuth is false; clients with IAM tokens need it, since their database users (role rds_iam) cannot log in with passwords: leave it out',
      );
    }
  }
  if (secretNames(inputs).length === 0 && inputs.SluiceSettings['HealthCheckUser'] === undefined) {
    problems.push(
      'engine sluice without a secret needs SluiceSettings = { HealthCheckUser = "…" }: a database user with the role rds_iam, for its health checks',
    );
  }
  if (2 * inputs.MaxTasks > inputs.MaxConnectionsPercent) {
    problems.push(
      `MaxTasks is ${inputs.MaxTasks}: the ${2 * inputs.MaxTasks} tasks of a rolling deployment cannot share ${inputs.MaxConnectionsPercent} % of max_connections, since each needs 1 % at least; lower MaxTasks`,
    );
  }
  return problems;
}

function acknowledgements({ Acknowledge = {} }: Partial<Inputs>): string[] {
  return Object.entries(Acknowledge)
    .filter(([, reason]) => reason.trim().length < 5)
    .map(([rule]) => `Acknowledge."${rule}" has no reason; say why it may be broken`);
}
