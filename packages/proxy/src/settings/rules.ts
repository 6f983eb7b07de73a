import { isIP } from 'node:net';
import { instancePattern } from './aurora-endpoint.ts';
import { isSocketDirectory, socketFile } from './socket-directory.ts';
import type { SettingName, Settings } from './table.ts';

/** A conflict between settings that are each valid. */
export interface Conflict {
  /** The setting that the message points at; `index` is the entry if the setting is a list. */
  readonly setting: SettingName;
  readonly index?: number;
  /** The problem and its solution. */
  readonly message: string;
}

interface Rule {
  /** The settings that the rule checks. It is skipped if one of them is invalid. */
  readonly about: readonly SettingName[];
  readonly conflicts: (settings: Settings) => readonly Conflict[];
}

/** Rules between settings. */
export const rules: readonly Rule[] = [
  rule(['TargetHost', 'DBInstanceIdentifier', 'DBClusterIdentifier'], 'TargetHost', (s) =>
    s.TargetHost === undefined &&
    s.DBInstanceIdentifier === undefined &&
    s.DBClusterIdentifier === undefined
      ? 'TargetHost is missing; set it, or DBInstanceIdentifier, or DBClusterIdentifier'
      : undefined,
  ),
  rule(['ListenHost', 'ListenPort', 'AdminHost', 'AdminPort'], 'AdminPort', (s) =>
    s.AdminPort !== 0 && s.AdminPort === s.ListenPort && s.AdminHost === s.ListenHost
      ? `AdminPort and ListenPort are both ${s.AdminPort}; change one of them`
      : undefined,
  ),
  rule(['TlsCertFile', 'TlsKeyFile'], 'TlsCertFile', (s) =>
    s.TlsCertFile !== undefined && s.TlsKeyFile === undefined
      ? 'TlsCertFile requires TlsKeyFile, the private key of the certificate'
      : undefined,
  ),
  rule(['TlsCertFile', 'TlsKeyFile'], 'TlsKeyFile', (s) =>
    s.TlsKeyFile !== undefined && s.TlsCertFile === undefined
      ? 'TlsKeyFile requires TlsCertFile, the certificate for the key'
      : undefined,
  ),
  rule(['TlsMode', 'TlsCertFile'], 'TlsMode', (s) =>
    s.TlsMode !== 'disable' && s.TlsCertFile === undefined
      ? `TlsMode ${s.TlsMode} requires a certificate; set TlsCertFile and TlsKeyFile`
      : undefined,
  ),
  rule(['TlsMode', 'TlsCaFile'], 'TlsMode', (s) =>
    s.TlsMode.startsWith('verify-') && s.TlsCaFile === undefined
      ? `TlsMode ${s.TlsMode} requires TlsCaFile, the certificate authorities for client certificates`
      : undefined,
  ),
  rule(['RequireTLS', 'TlsMode', 'TlsCertFile'], 'RequireTLS', (s) =>
    s.RequireTLS && s.TlsMode === 'disable'
      ? 'RequireTLS is true and TlsMode is disable, so no client can connect; set TlsCertFile and TlsKeyFile'
      : undefined,
  ),
  rule(['ClientAuth', 'ListenSocket', 'Endpoints'], 'ClientAuth', (s) =>
    s.ClientAuth.some(({ Type }) => Type === 'local') && !listensOnSocket(s)
      ? 'ClientAuth has a rule with Type local, and no endpoint listens on a Unix socket; set ListenSocket'
      : undefined,
  ),
  rule(['TargetTlsNegotiation', 'TargetTlsMode'], 'TargetTlsNegotiation', (s) =>
    s.TargetTlsNegotiation === 'direct' && ['disable', 'prefer'].includes(s.TargetTlsMode)
      ? `TargetTlsNegotiation direct cannot fall back to a plain connection; TargetTlsMode is ${s.TargetTlsMode} and must be require or stronger`
      : undefined,
  ),
  rule(
    ['Users', 'AuthFile', 'Auth', 'TargetIamAuth', 'TargetTlsCertFile', 'ClientAuth', 'HbaFile'],
    'Users',
    (s) =>
      s.Users.length === 0 &&
      s.AuthFile === undefined &&
      s.Auth.length === 0 &&
      !(
        (s.TargetIamAuth || s.TargetTlsCertFile !== undefined) &&
        (s.ClientAuth.length > 0 || s.HbaFile !== undefined)
      )
        ? 'no client can log in; set Users, AuthFile or Auth'
        : undefined,
  ),
  rule(['ClientAuth', 'TlsCertFile', 'TlsMode'], 'ClientAuth', (s) => clearWithoutTls(s)),
  { about: ['ClientAuth', 'TlsCaFile'], conflicts: clientAuthConflicts },
  rule(['TargetTlsCertFile', 'TargetTlsKeyFile'], 'TargetTlsCertFile', (s) =>
    (s.TargetTlsCertFile === undefined) !== (s.TargetTlsKeyFile === undefined)
      ? 'TargetTlsCertFile and TargetTlsKeyFile must be set together'
      : undefined,
  ),
  rule(['AdminTlsCertFile', 'AdminTlsKeyFile'], 'AdminTlsCertFile', (s) =>
    (s.AdminTlsCertFile === undefined) !== (s.AdminTlsKeyFile === undefined)
      ? 'AdminTlsCertFile and AdminTlsKeyFile must be set together'
      : undefined,
  ),
  rule(['AdminTlsCaFile', 'AdminTlsCertFile'], 'AdminTlsCaFile', (s) =>
    s.AdminTlsCaFile !== undefined && s.AdminTlsCertFile === undefined
      ? 'AdminTlsCaFile requires AdminTlsCertFile, because client certificates need TLS'
      : undefined,
  ),
  rule(['TlsCertificates', 'TlsCertFile'], 'TlsCertificates', (s) =>
    s.TlsCertificates.length > 0 && s.TlsCertFile === undefined
      ? 'TlsCertificates requires TlsCertFile, for clients without SNI'
      : undefined,
  ),
  rule(['AuthQuery'], 'AuthQuery', (s) =>
    s.AuthQuery !== undefined && !s.AuthQuery.includes('$1')
      ? 'AuthQuery does not contain $1, the user name'
      : undefined,
  ),
  rule(['TargetIamAuth', 'TargetTlsMode'], 'TargetIamAuth', (s) =>
    s.TargetIamAuth && !s.TargetTlsMode.startsWith('verify-')
      ? `TargetIamAuth sends tokens in cleartext to the server, so TargetTlsMode must be verify-full or verify-ca; it is ${s.TargetTlsMode}`
      : undefined,
  ),
  rule(['TargetIamAuth', 'TargetHost', 'Targets'], 'TargetIamAuth', (s) => {
    const address = [s.TargetHost ?? '', ...s.Targets.map(({ Host }) => Host)].find(
      (host) => isIP(host) !== 0 || isSocketDirectory(host),
    );
    return s.TargetIamAuth && address !== undefined
      ? `TargetIamAuth requires host names, because AWS refuses tokens for anything else; replace ${address} with the name of the endpoint`
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
      ? `TargetTopology is aurora, and TargetHost (${s.TargetHost ?? 'not set'}) is not the endpoint of an Aurora cluster; set TargetInstancePattern, the host name of an instance with ? in place of the instance name`
      : undefined,
  ),
  {
    about: ['Endpoints', 'ListenPort', 'ListenHost', 'ListenSocket', 'AdminPort'],
    conflicts: endpointConflicts,
  },
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

/** Whether clients can connect to a Unix socket. */
export function listensOnSocket({ ListenSocket, Endpoints }: Settings): boolean {
  return (
    ListenSocket !== undefined || Endpoints.some((endpoint) => endpoint.ListenSocket !== undefined)
  );
}

function endpointConflicts(settings: Settings): readonly Conflict[] {
  const { Endpoints, ListenHost, ListenPort, ListenSocket, AdminHost, AdminPort } = settings;
  const taken = new Map([
    [`${AdminHost}:${AdminPort}`, 'the admin port'],
    [`${ListenHost}:${ListenPort}`, 'the endpoint "default"'],
    ...(ListenSocket === undefined
      ? []
      : [[socketFile(ListenSocket, ListenPort), 'the endpoint "default"'] as const]),
  ]);
  const names = new Set(['default']);
  return Endpoints.flatMap((endpoint, index) => {
    const conflicts: Conflict[] = [];
    const add = (message: string): void =>
      void conflicts.push({ setting: 'Endpoints', index, message });
    const { EndpointName: name, ListenPort: port } = endpoint;
    if (names.has(name))
      add(
        `Endpoints[${index}] has the name "${name}", which is already in use; give each endpoint a unique name`,
      );
    const directory = endpoint.ListenSocket ?? ListenSocket;
    const addresses = [
      `${endpoint.ListenHost ?? ListenHost}:${port}`,
      ...(directory === undefined ? [] : [socketFile(directory, port)]),
    ];
    const address = addresses.find((each) => taken.has(each));
    if (port !== 0 && address !== undefined)
      add(
        `Endpoints[${index}] (${name}) and ${taken.get(address)} both listen on ${address}; change one of the ports`,
      );
    names.add(name);
    for (const each of addresses) taken.set(each, `the endpoint "${name}"`);
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
    // A user that only maps to a database user may need no password: IAM, a certificate or trust can admit it there.
    const hasNone =
      ways.length === 0 && databaseWays.length === 0 && user.DatabaseUserName === undefined;
    if (ways.length > 1 || hasNone) {
      const message = `Users[${index}] (${user.UserName}) has ${ways.join(' and ') || 'no password'}; set exactly one of Password, PasswordFile, PasswordEnv and Verifier`;
      conflicts.push({ setting: 'Users', index, message });
    }
    if (databaseWays.length > 1) {
      const message = `Users[${index}] (${user.UserName}) has ${databaseWays.join(' and ')}; set one of them`;
      conflicts.push({ setting: 'Users', index, message });
    }
    if (names.indexOf(user.UserName) < index) {
      const message = `Users[${index}] (${user.UserName}) is a duplicate; remove one entry`;
      conflicts.push({ setting: 'Users', index, message });
    }
    return conflicts;
  });
}

/** Methods that send a cleartext password or a token. */
const clearMethods = new Set(['password', 'iam', 'sts', 'jwt', 'oauth']);

function clearWithoutTls({ ClientAuth, TlsCertFile, TlsMode }: Settings): string | undefined {
  const rule = ClientAuth.find(
    ({ Type, Method }) => Type !== 'local' && (clearMethods.has(Method) || Method === 'cert'),
  );
  return rule !== undefined && (TlsCertFile === undefined || TlsMode === 'disable')
    ? `ClientAuth has the method ${rule.Method}, which requires TLS; set TlsCertFile and TlsKeyFile`
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
      add('requires a client certificate; set TlsCaFile');
    if ((clearMethods.has(Method) || Method === 'cert') && Type === 'hostnossl')
      add(`has the method ${Method}, which requires TLS, and Type hostnossl`);
    if (Type === 'local' && (Method === 'cert' || ClientCert !== 'no'))
      add('requires a client certificate, which a client on a Unix socket cannot present');
    if (Method === 'jwt' || Method === 'oauth') {
      if (Issuer === undefined) add(`has the method ${Method}, which requires Issuer`);
      if (Audience === undefined) add(`has the method ${Method}, which requires Audience`);
    } else if (Issuer !== undefined || Audience !== undefined)
      add(`has Issuer or Audience, which the method ${Method} does not use`);
    if (Method === 'sts' && map === undefined)
      add('has the method sts, which requires Map, the map from roles to users');
    return conflicts;
  });
}

function authConflicts({ Auth }: Settings): readonly Conflict[] {
  return Auth.flatMap((entry, index): Conflict[] => {
    const ways = (['SecretArn', 'SecretNamePrefix', 'SecretTag'] as const).filter(
      (way) => entry[way] !== undefined,
    );
    if (ways.length !== 1) {
      const message = `Auth[${index}] has ${ways.join(' and ') || 'no secret'}; set exactly one of SecretArn, SecretNamePrefix and SecretTag`;
      return [{ setting: 'Auth', index, message }];
    }
    if (entry.UserName !== undefined && entry.SecretArn === undefined) {
      const message = `Auth[${index}] has ${ways[0]} and UserName, so all its secrets would have the same user name; remove UserName`;
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
      const message = `${name} never applies, because Pools[${twin}] is for the same pools; remove one of them`;
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
