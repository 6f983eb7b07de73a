import { isIP } from 'node:net';
import { instancePattern } from './aurora-endpoint.ts';
import type { SettingName, Settings } from './table.ts';

/** Two or more settings that are each right and cannot stand together. */
export interface Conflict {
  /** The setting to point at, and in a list the entry. */
  readonly setting: SettingName;
  readonly index?: number;
  /** What is wrong and what would be right. */
  readonly message: string;
}

interface Rule {
  /** The settings it looks at. When one of them is itself not right, the rule is not asked. */
  readonly about: readonly SettingName[];
  readonly conflicts: (settings: Settings) => readonly Conflict[];
}

/** Rules between settings. */
export const rules: readonly Rule[] = [
  rule(['TargetHost', 'DBInstanceIdentifier', 'DBClusterIdentifier'], 'TargetHost', (s) =>
    s.TargetHost === undefined &&
    s.DBInstanceIdentifier === undefined &&
    s.DBClusterIdentifier === undefined
      ? 'TargetHost is missing; give it, or DBInstanceIdentifier, or DBClusterIdentifier'
      : undefined,
  ),
  rule(['ListenHost', 'ListenPort', 'AdminHost', 'AdminPort'], 'AdminPort', (s) =>
    s.AdminPort !== 0 && s.AdminPort === s.ListenPort && s.AdminHost === s.ListenHost
      ? `AdminPort is ${s.AdminPort}, as ListenPort is; give one of them another port`
      : undefined,
  ),
  rule(['TlsCertFile', 'TlsKeyFile'], 'TlsCertFile', (s) =>
    s.TlsCertFile !== undefined && s.TlsKeyFile === undefined
      ? 'TlsCertFile needs TlsKeyFile, the private key of the certificate'
      : undefined,
  ),
  rule(['TlsCertFile', 'TlsKeyFile'], 'TlsKeyFile', (s) =>
    s.TlsKeyFile !== undefined && s.TlsCertFile === undefined
      ? 'TlsKeyFile needs TlsCertFile, the certificate of the key'
      : undefined,
  ),
  rule(['TlsMode', 'TlsCertFile'], 'TlsMode', (s) =>
    s.TlsMode !== 'disable' && s.TlsCertFile === undefined
      ? `TlsMode ${s.TlsMode} needs a certificate: give TlsCertFile and TlsKeyFile`
      : undefined,
  ),
  rule(['TlsMode', 'TlsCaFile'], 'TlsMode', (s) =>
    s.TlsMode.startsWith('verify-') && s.TlsCaFile === undefined
      ? `TlsMode ${s.TlsMode} needs TlsCaFile, which signed the certificates of the clients`
      : undefined,
  ),
  rule(['RequireTLS', 'TlsMode', 'TlsCertFile'], 'RequireTLS', (s) =>
    s.RequireTLS && s.TlsMode === 'disable'
      ? 'RequireTLS is true and TlsMode is disable, so nobody could connect; give TlsCertFile and TlsKeyFile'
      : undefined,
  ),
  rule(['TargetTlsNegotiation', 'TargetTlsMode'], 'TargetTlsNegotiation', (s) =>
    s.TargetTlsNegotiation === 'direct' && ['disable', 'prefer'].includes(s.TargetTlsMode)
      ? `TargetTlsNegotiation direct cannot fall back to a plain connection; TargetTlsMode is ${s.TargetTlsMode} and must be require or stronger`
      : undefined,
  ),
  rule(['Users', 'AuthFile', 'Auth', 'TargetIamAuth', 'ClientAuth', 'HbaFile'], 'Users', (s) =>
    s.Users.length === 0 &&
    s.AuthFile === undefined &&
    s.Auth.length === 0 &&
    !(s.TargetIamAuth && (s.ClientAuth.length > 0 || s.HbaFile !== undefined))
      ? 'nobody could log in: give Users, AuthFile or Auth'
      : undefined,
  ),
  rule(['ClientAuth', 'TlsCertFile', 'TlsMode'], 'ClientAuth', (s) => clearWithoutTls(s)),
  { about: ['ClientAuth', 'TlsCaFile'], conflicts: clientAuthConflicts },
  rule(['TargetTlsCertFile', 'TargetTlsKeyFile'], 'TargetTlsCertFile', (s) =>
    (s.TargetTlsCertFile === undefined) !== (s.TargetTlsKeyFile === undefined)
      ? 'TargetTlsCertFile and TargetTlsKeyFile need each other'
      : undefined,
  ),
  rule(['AdminTlsCertFile', 'AdminTlsKeyFile'], 'AdminTlsCertFile', (s) =>
    (s.AdminTlsCertFile === undefined) !== (s.AdminTlsKeyFile === undefined)
      ? 'AdminTlsCertFile and AdminTlsKeyFile need each other'
      : undefined,
  ),
  rule(['AdminTlsCaFile', 'AdminTlsCertFile'], 'AdminTlsCaFile', (s) =>
    s.AdminTlsCaFile !== undefined && s.AdminTlsCertFile === undefined
      ? 'AdminTlsCaFile needs AdminTlsCertFile: client certificates come over TLS'
      : undefined,
  ),
  rule(['TlsCertificates', 'TlsCertFile'], 'TlsCertificates', (s) =>
    s.TlsCertificates.length > 0 && s.TlsCertFile === undefined
      ? 'TlsCertificates needs TlsCertFile, for clients that name no host'
      : undefined,
  ),
  rule(['AuthQuery'], 'AuthQuery', (s) =>
    s.AuthQuery !== undefined && !s.AuthQuery.includes('$1')
      ? 'AuthQuery has no $1, the name of the user that it is asked for'
      : undefined,
  ),
  rule(['TargetIamAuth', 'TargetTlsMode'], 'TargetIamAuth', (s) =>
    s.TargetIamAuth && !s.TargetTlsMode.startsWith('verify-')
      ? `TargetIamAuth sends tokens in clear to whoever answers, so TargetTlsMode must be verify-full or verify-ca; it is ${s.TargetTlsMode}`
      : undefined,
  ),
  rule(['TargetIamAuth', 'TargetHost', 'Targets'], 'TargetIamAuth', (s) => {
    const address = [s.TargetHost ?? '', ...s.Targets.map(({ Host }) => Host)].find(
      (host) => isIP(host) !== 0,
    );
    return s.TargetIamAuth && address !== undefined
      ? `TargetIamAuth signs tokens for the host name of an endpoint, and AWS refuses one for an address; ${address} must be the endpoint's name`
      : undefined;
  }),
  rule(['MaxConnectionsPercent', 'MaxIdleConnectionsPercent'], 'MaxIdleConnectionsPercent', (s) =>
    s.MaxIdleConnectionsPercent > s.MaxConnectionsPercent
      ? `MaxIdleConnectionsPercent is ${s.MaxIdleConnectionsPercent}; it must be at most MaxConnectionsPercent, ${s.MaxConnectionsPercent}`
      : undefined,
  ),
  rule(['PoolSize', 'MinPoolSize'], 'MinPoolSize', (s) => minAboveSize(s)),
  rule(['ConnectRetryMin', 'ConnectRetryMax'], 'ConnectRetryMin', (s) =>
    s.ConnectRetryMin > s.ConnectRetryMax
      ? `ConnectRetryMin is ${s.ConnectRetryMin}; it must be at most ConnectRetryMax, ${s.ConnectRetryMax}`
      : undefined,
  ),
  rule(['TargetTopology', 'TargetInstancePattern', 'TargetHost'], 'TargetInstancePattern', (s) =>
    s.TargetTopology === 'aurora' &&
    s.TargetInstancePattern === undefined &&
    instancePattern(s.TargetHost ?? '') === undefined
      ? `TargetTopology is aurora, and TargetHost, ${s.TargetHost ?? 'which is not given'}, is not the endpoint of an Aurora cluster; give TargetInstancePattern, the host of an instance with ? for its name`
      : undefined,
  ),
  { about: ['Endpoints', 'ListenPort', 'ListenHost', 'AdminPort'], conflicts: endpointConflicts },
  { about: ['Users'], conflicts: userConflicts },
  { about: ['Auth'], conflicts: authConflicts },
  { about: ['Pools', 'PoolSize', 'MinPoolSize'], conflicts: poolConflicts },
];

function rule(
  about: readonly SettingName[],
  setting: SettingName,
  check: (settings: Settings) => string | undefined,
): Rule {
  return {
    about,
    conflicts: (settings) => {
      const message = check(settings);
      return message === undefined ? [] : [{ setting, message }];
    },
  };
}

function endpointConflicts(settings: Settings): readonly Conflict[] {
  const { Endpoints, ListenHost, ListenPort, AdminHost, AdminPort } = settings;
  const taken = new Map([
    [`${AdminHost}:${AdminPort}`, 'the admin port'],
    [`${ListenHost}:${ListenPort}`, 'the endpoint "default"'],
  ]);
  const names = new Set(['default']);
  return Endpoints.flatMap((endpoint, index) => {
    const conflicts: Conflict[] = [];
    const add = (message: string): void =>
      void conflicts.push({ setting: 'Endpoints', index, message });
    const { EndpointName: name, ListenPort: port } = endpoint;
    if (names.has(name))
      add(`Endpoints[${index}] is called "${name}", as another is; give each a name of its own`);
    const address = `${endpoint.ListenHost ?? ListenHost}:${port}`;
    const owner = taken.get(address);
    if (port !== 0 && owner !== undefined)
      add(
        `Endpoints[${index}] (${name}) listens on ${address}, as ${owner} does; give it another port`,
      );
    names.add(name);
    taken.set(address, `the endpoint "${name}"`);
    return conflicts;
  });
}

function userConflicts({ Users }: Settings): readonly Conflict[] {
  const names = Users.map((user) => user.UserName);
  return Users.flatMap((user, index) => {
    const conflicts: Conflict[] = [];
    const given = (names: readonly (keyof typeof user)[]): readonly string[] =>
      names.filter((name) => user[name] !== undefined);
    const ways = given(['Password', 'PasswordFile', 'PasswordEnv', 'Verifier']);
    const databaseWays = given(['DatabasePassword', 'DatabasePasswordFile', 'DatabasePasswordEnv']);
    if (ways.length > 1 || (ways.length === 0 && databaseWays.length === 0)) {
      const message = `Users[${index}] (${user.UserName}) has ${ways.join(' and ') || 'no password'}; give exactly one of Password, PasswordFile, PasswordEnv and Verifier`;
      conflicts.push({ setting: 'Users', index, message });
    }
    if (databaseWays.length > 1) {
      const message = `Users[${index}] (${user.UserName}) has ${databaseWays.join(' and ')}; give one of them`;
      conflicts.push({ setting: 'Users', index, message });
    }
    if (names.indexOf(user.UserName) < index) {
      const message = `Users[${index}] (${user.UserName}) is there twice; leave one out`;
      conflicts.push({ setting: 'Users', index, message });
    }
    return conflicts;
  });
}

/** Methods that send a password or a token in clear. */
const clearMethods = new Set(['password', 'iam', 'sts', 'jwt', 'oauth']);

function clearWithoutTls({ ClientAuth, TlsCertFile, TlsMode }: Settings): string | undefined {
  const rule = ClientAuth.find(({ Method }) => clearMethods.has(Method) || Method === 'cert');
  return rule !== undefined && (TlsCertFile === undefined || TlsMode === 'disable')
    ? `ClientAuth has the method ${rule.Method}, which needs TLS: give TlsCertFile and TlsKeyFile`
    : undefined;
}

function clientAuthConflicts({ ClientAuth, TlsCaFile }: Settings): readonly Conflict[] {
  return ClientAuth.flatMap((entry, index) => {
    const conflicts: Conflict[] = [];
    const add = (message: string): void =>
      void conflicts.push({
        setting: 'ClientAuth',
        index,
        message: `ClientAuth[${index}] ${message}`,
      });
    const { Method, Type, ClientCert, Issuer, Audience, Map: map } = entry;
    if ((Method === 'cert' || ClientCert !== 'no') && TlsCaFile === undefined)
      add('wants a client certificate and needs TlsCaFile, which signed those');
    if ((clearMethods.has(Method) || Method === 'cert') && Type === 'hostnossl')
      add(`has the method ${Method}, which needs TLS, and Type hostnossl`);
    if (Method === 'jwt' || Method === 'oauth') {
      if (Issuer === undefined) add(`has the method ${Method} and needs Issuer`);
      if (Audience === undefined) add(`has the method ${Method} and needs Audience`);
    } else if (Issuer !== undefined || Audience !== undefined)
      add(`has Issuer or Audience, which the method ${Method} does not look at`);
    if (Method === 'sts' && map === undefined)
      add('has the method sts and needs Map, which says what role may be which user');
    return conflicts;
  });
}

function authConflicts({ Auth }: Settings): readonly Conflict[] {
  return Auth.flatMap((entry, index): Conflict[] => {
    const ways = (['SecretArn', 'SecretNamePrefix', 'SecretTag'] as const).filter(
      (way) => entry[way] !== undefined,
    );
    if (ways.length !== 1) {
      const message = `Auth[${index}] has ${ways.join(' and ') || 'no secret'}; give exactly one of SecretArn, SecretNamePrefix and SecretTag`;
      return [{ setting: 'Auth', index, message }];
    }
    if (entry.UserName !== undefined && entry.SecretArn === undefined) {
      const message = `Auth[${index}] gives ${ways[0]} and UserName, so all its secrets would be one user; leave UserName out`;
      return [{ setting: 'Auth', index, message }];
    }
    return [];
  });
}

function poolConflicts({ Pools, PoolSize, MinPoolSize }: Settings): readonly Conflict[] {
  return Pools.flatMap((pool, index) => {
    const conflicts: Conflict[] = [];
    const name = `Pools[${index}] (${pool.Database}, ${pool.User})`;
    const twin = Pools.findIndex((p) => p.Database === pool.Database && p.User === pool.User);
    if (twin < index) {
      const message = `${name} never applies, since Pools[${twin}] is for the same pools; leave one out`;
      conflicts.push({ setting: 'Pools', index, message });
    }
    const problem = minAboveSize({ PoolSize, MinPoolSize, ...pool });
    if (problem !== undefined) {
      conflicts.push({ setting: 'Pools', index, message: `${name}: ${problem}` });
    }
    return conflicts;
  });
}

function minAboveSize(sizes: Pick<Settings, 'PoolSize' | 'MinPoolSize'>): string | undefined {
  return sizes.PoolSize !== 0 && sizes.MinPoolSize > sizes.PoolSize
    ? `MinPoolSize is ${sizes.MinPoolSize}; it must be at most PoolSize, ${sizes.PoolSize}`
    : undefined;
}
