import type { Setting, ValuesOf } from './setting.ts';

const port = { type: 'integer', min: 0, max: 65_535 } as const;
const day = 86_400;
const since = '0.1.0';

/**
 * Every setting, once. The type `Settings`, the JSON Schema, docs/settings.md, the names of the environment variables
 * and the checks are made from this table. Names, defaults and ranges are Amazon RDS Proxy's where it has the setting.
 */
export const settingsTable = {
  ListenHost: {
    type: 'string',
    default: '127.0.0.1',
    reloadable: false,
    since,
    doc: 'The address on which clients connect. `0.0.0.0` or `::` means every interface.',
  },
  ListenPort: {
    ...port,
    default: 6432,
    reloadable: false,
    since,
    doc: 'The port on which clients connect. 0 picks a free one.',
  },
  AdminHost: {
    type: 'string',
    default: '127.0.0.1',
    reloadable: false,
    since,
    doc: 'The address of the admin port (`/metrics`, `/healthz`, `/readyz`). It has no authentication: keep it private.',
  },
  AdminPort: {
    ...port,
    default: 9127,
    reloadable: false,
    since,
    doc: 'The admin port. 0 picks a free one.',
  },

  TargetHost: {
    type: 'string',
    required: true,
    reloadable: false,
    since,
    doc: 'The host name or address of the database.',
  },
  TargetPort: {
    ...port,
    min: 1,
    default: 5432,
    reloadable: false,
    since,
    doc: 'The port of the database.',
  },
  TargetTlsMode: {
    type: 'enum',
    values: ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'],
    default: 'prefer',
    reloadable: true,
    since,
    doc: 'TLS between the proxy and the database, as `sslmode` of libpq: `prefer` takes it when offered, `require` insists, `verify-ca` also checks who signed the certificate, `verify-full` also its host name.',
  },
  TargetTlsNegotiation: {
    type: 'enum',
    values: ['postgres', 'direct'],
    default: 'postgres',
    reloadable: true,
    since,
    doc: '`postgres` asks the database whether it speaks TLS; `direct` starts with the TLS handshake, which saves a round trip and needs PostgreSQL 17 and `TargetTlsMode` `require` or stronger.',
  },
  TargetTlsCaFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'PEM file of the certificate authorities that may sign the certificate of the database. Without it, those that the runtime trusts.',
  },
  TargetTlsServerName: {
    type: 'string',
    reloadable: true,
    since,
    doc: 'The name that `verify-full` expects in the certificate of the database, and that the handshake asks for (SNI); without it, `TargetHost`.',
  },

  TlsMode: {
    type: 'enum',
    values: ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'],
    defaultDoc: '`prefer` when `TlsCertFile` is given, else `disable`',
    reloadable: true,
    since,
    doc: 'TLS between the clients and the proxy: `prefer` offers it, `require` refuses a client without it, `verify-ca` wants a client certificate signed by `TlsCaFile`, `verify-full` also wants its common name to be the user name.',
  },
  TlsCertFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'PEM file of the certificate that the proxy shows to clients, with its chain.',
  },
  TlsKeyFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'PEM file of the private key of `TlsCertFile`.',
  },
  TlsCaFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'PEM file of the certificate authorities that may sign client certificates.',
  },
  RequireTLS: {
    type: 'boolean',
    default: false,
    reloadable: true,
    since,
    doc: 'Refuses clients without TLS (SQLSTATE 28000), as `TlsMode` `require` does.',
  },

  Users: {
    type: 'list',
    default: [],
    reloadable: true,
    since,
    doc: 'Who may log in to the proxy, and as whom the proxy logs in to the database for them. Exactly one of `Password`, `PasswordFile` and `Verifier` each.',
    fields: {
      UserName: { type: 'string', required: true, doc: 'The name the client logs in with.' },
      Password: { type: 'string', secret: true, doc: 'The password the client must know.' },
      PasswordFile: {
        type: 'file',
        doc: 'A file that holds the password and nothing else; one line break at its end is ignored.',
      },
      Verifier: {
        type: 'string',
        secret: true,
        pattern: {
          regexp:
            /^(SCRAM-SHA-256\$\d+:[A-Za-z0-9+/]+=*\$[A-Za-z0-9+/]+=*:[A-Za-z0-9+/]+=*|md5[0-9a-f]{32})$/,
          doc: 'SCRAM-SHA-256$… or md5…, as in pg_authid.rolpassword',
        },
        doc: 'What PostgreSQL stores instead of the password (`rolpassword` in `pg_authid`): `SCRAM-SHA-256$…` or `md5…`. It is enough to check the client, not to log in to the database by SCRAM: add `DatabasePassword` for that.',
      },
      DatabaseUserName: {
        type: 'string',
        doc: 'The user the proxy logs in to the database as; without it, `UserName`.',
      },
      DatabasePassword: {
        type: 'string',
        secret: true,
        doc: 'The password the proxy logs in to the database with; without it, that of the client.',
      },
    },
  },
  AuthFile: {
    type: 'file',
    reloadable: true,
    since,
    doc: 'More users, in the format of PgBouncer\'s `userlist.txt`: one `"user" "password or verifier"` a line. An entry of `Users` with the same name goes first.',
  },

  MaxConnectionsPercent: {
    type: 'integer',
    unit: 'percent',
    min: 1,
    max: 100,
    default: 100,
    reloadable: true,
    since,
    doc: 'How much of the `max_connections` of the database the proxy may use, over all pools. What the database reserves for superusers is taken off first.',
  },
  MaxIdleConnectionsPercent: {
    type: 'integer',
    unit: 'percent',
    min: 0,
    max: 100,
    defaultDoc: 'half of `MaxConnectionsPercent`, rounded down',
    reloadable: true,
    since,
    doc: 'How much of the `max_connections` of the database may stand idle in the pools; at most `MaxConnectionsPercent`. More than that are closed, the longest idle first, once nobody has borrowed them for `ConnectionIdleTimeout`.',
  },
  ConnectionBorrowTimeout: {
    type: 'duration',
    min: 0,
    max: 300,
    default: 120,
    reloadable: true,
    since,
    doc: 'How long a session waits for a database connection before it gets an error (SQLSTATE 08000). 0 gives the error at once unless a database connection is idle.',
  },
  IdleClientTimeout: {
    type: 'duration',
    min: 1,
    max: 28_800,
    default: 1800,
    reloadable: true,
    since,
    doc: 'Closes a client connection that has been silent for so long after its last request was answered.',
  },
  InitQuery: {
    type: 'string',
    default: '',
    reloadable: true,
    since,
    doc: 'SQL that runs once on each new database connection, before anyone borrows it; several statements are parted by `;`. Anyone who may read the settings can read it: no secrets.',
  },
  DebugLogging: {
    type: 'boolean',
    default: false,
    reloadable: true,
    since,
    doc: 'Logs every statement, its literals replaced, and each step of a connection, whatever `LogLevel` says.',
  },

  PoolSize: {
    type: 'integer',
    unit: 'connections',
    min: 0,
    max: 100_000,
    default: 0,
    reloadable: true,
    since,
    doc: 'The most database connections in one pool, that is for one database and user. 0 means that only `MaxConnectionsPercent` limits it.',
  },
  MinPoolSize: {
    type: 'integer',
    unit: 'connections',
    min: 0,
    max: 100_000,
    default: 0,
    reloadable: true,
    since,
    doc: 'How many database connections a pool keeps open once it has been used, even when they are idle.',
  },
  Pools: {
    type: 'list',
    default: [],
    reloadable: true,
    since,
    doc: 'Other values for some pools. The first entry whose `Database` and `User` both match a pool applies to it; what the entry leaves out comes from the setting of the same name.',
    fields: {
      Database: { type: 'string', required: true, doc: 'A database name, or `*` for every one.' },
      User: {
        type: 'string',
        required: true,
        doc: 'The name of a user in the database, or `*` for every one.',
      },
      PoolSize: {
        type: 'integer',
        unit: 'connections',
        min: 0,
        max: 100_000,
        doc: '`PoolSize` of these pools.',
      },
      MinPoolSize: {
        type: 'integer',
        unit: 'connections',
        min: 0,
        max: 100_000,
        doc: '`MinPoolSize` of these pools.',
      },
      InitQuery: { type: 'string', doc: '`InitQuery` of these pools.' },
    },
  },
  ConnectionLifetime: {
    type: 'duration',
    min: 0,
    max: 30 * day,
    default: 3600,
    reloadable: true,
    since,
    doc: 'Closes a database connection of this age as soon as nobody borrows it. 0 means never.',
  },
  ConnectionLifetimeJitterPercent: {
    type: 'integer',
    unit: 'percent',
    min: 0,
    max: 100,
    default: 10,
    reloadable: true,
    since,
    doc: 'Shortens each `ConnectionLifetime` by a random share up to this one, so that connections opened together do not close together.',
  },
  ConnectionIdleTimeout: {
    type: 'duration',
    min: 0,
    max: day,
    default: 300,
    reloadable: true,
    since,
    doc: 'How long nobody must have borrowed a database connection before `MaxIdleConnectionsPercent` closes it; `MinPoolSize` connections of the pool stay.',
  },

  MaxClientConnections: {
    type: 'integer',
    unit: 'connections',
    min: 1,
    max: 1_000_000,
    default: 10_000,
    reloadable: true,
    since,
    doc: 'The most client connections at once; one more is refused with SQLSTATE 53300.',
  },
  MaxClientConnectionsPerUser: {
    type: 'integer',
    unit: 'connections',
    min: 0,
    max: 1_000_000,
    default: 0,
    reloadable: true,
    since,
    doc: 'The most client connections of one user at once. 0 means no limit of its own.',
  },
  MaxClientConnectionsPerDatabase: {
    type: 'integer',
    unit: 'connections',
    min: 0,
    max: 1_000_000,
    default: 0,
    reloadable: true,
    since,
    doc: 'The most client connections to one database at once. 0 means no limit of its own.',
  },

  ClientLoginTimeout: {
    type: 'duration',
    min: 1,
    max: 3600,
    default: 60,
    reloadable: true,
    since,
    doc: 'Closes a client connection that has not finished its login in this time.',
  },
  IdleInTransactionTimeout: {
    type: 'duration',
    min: 0,
    max: day,
    default: 0,
    reloadable: true,
    since,
    doc: 'Closes a client connection that leaves a transaction open and is silent for so long; the transaction is rolled back. 0 means never.',
  },
  QueryTimeout: {
    type: 'duration',
    min: 0,
    max: day,
    default: 0,
    reloadable: true,
    since,
    doc: 'Cancels a statement that has run for so long, and closes its client connection. 0 means never.',
  },
  ConnectTimeout: {
    type: 'duration',
    min: 0.1,
    max: 300,
    default: 5,
    reloadable: true,
    since,
    doc: 'How long opening one database connection may take, login included.',
  },
  ConnectRetryMin: {
    type: 'duration',
    min: 0.01,
    max: 300,
    default: 0.1,
    reloadable: true,
    since,
    doc: 'The pause after the first failure to open a database connection; it doubles with each further one, up to `ConnectRetryMax`.',
  },
  ConnectRetryMax: {
    type: 'duration',
    min: 0.01,
    max: 300,
    default: 5,
    reloadable: true,
    since,
    doc: 'The longest pause between two attempts to open a database connection.',
  },
  CancelTimeout: {
    type: 'duration',
    min: 1,
    max: 300,
    default: 10,
    reloadable: true,
    since,
    doc: 'How long it may take to hand a cancel request to the database before it is given up.',
  },
  DrainTimeout: {
    type: 'duration',
    min: 0,
    max: day,
    default: 0,
    reloadable: true,
    since,
    doc: 'How long a drain waits for open transactions before it ends them. 0 means for ever.',
  },

  PreparedStatementsPerConnection: {
    type: 'integer',
    unit: 'statements',
    min: 1,
    max: 100_000,
    default: 200,
    reloadable: true,
    since,
    doc: 'How many prepared statements stay on one database connection; the least recently used is closed.',
  },
  MaxBufferedMessage: {
    type: 'bytes',
    min: 16_384,
    max: 1_073_741_823,
    default: 4_194_304,
    reloadable: true,
    since,
    doc: 'The longest statement that the proxy reads whole before it sends it on. A longer one streams through, and its session is pinned, since what the statement does is not known.',
  },

  PinNotice: {
    type: 'boolean',
    default: false,
    reloadable: true,
    since,
    doc: 'Sends a client a NOTICE when its session is pinned, with the reason and what would avoid it, and when it is unpinned. Meant for development.',
  },

  LogLevel: {
    type: 'enum',
    values: ['fatal', 'error', 'warn', 'info', 'debug', 'trace'],
    default: 'info',
    reloadable: true,
    since,
    doc: 'The least important messages that are still logged.',
  },
  LogFormat: {
    type: 'enum',
    values: ['auto', 'json', 'pretty'],
    default: 'auto',
    reloadable: true,
    since,
    doc: '`json` writes one JSON object a line, `pretty` writes for people, `auto` is `pretty` on a terminal and `json` elsewhere.',
  },
} as const satisfies Readonly<Record<string, Setting>>;

/** The name of a setting. */
export type SettingName = keyof typeof settingsTable;

/** All settings with their values, checked and frozen. Durations are in seconds, sizes in bytes. */
export type Settings = ValuesOf<typeof settingsTable>;

/** Whether there is a setting of this name. */
export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(settingsTable, name);
}

/** The same table for code that walks it, where only the shape of a row matters. */
export const settings: readonly (readonly [SettingName, Setting])[] = Object.keys(settingsTable)
  .filter(isSettingName)
  .map((name) => [name, settingsTable[name]]);
