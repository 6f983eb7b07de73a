// Made from packages/proxy/src/settings/table.ts by `npm run docs`.

/** The settings of a proxy, by the names of the settings file. Those that are left out have their defaults. */
export interface ProxySettings {
  /** The address on which clients connect. `0.0.0.0` or `::` means every interface. Default: `127.0.0.1`. */
  readonly ListenHost?: string;
  /** The port on which clients connect. 0 picks a free one. Takes a whole number from 0 to 65535. Default: `6432`. */
  readonly ListenPort?: number;
  /** The address of the admin port, or the path of a Unix socket, which whoever may open it may use. Connections to a loopback address need no token. On any other address only `/healthz` and `/readyz` are answered without `AdminToken`, `AdminReadOnlyToken` or a client certificate (`AdminTlsCaFile`). Default: `127.0.0.1`. */
  readonly AdminHost?: string;
  /** The admin port. 0 picks a free one. Takes a whole number from 0 to 65535. Default: `9127`. */
  readonly AdminPort?: number;
  /** Who sends it (`Authorization: Bearer TOKEN`) may ask the admin port for everything, and have it pause, resume and drain. Once it or `AdminReadOnlyToken` is given, loopback needs a token as well. Takes at least 16 visible ASCII characters. */
  readonly AdminToken?: string;
  /** A file that holds the token; `AdminToken` goes first. */
  readonly AdminTokenFile?: string;
  /** Who sends it may read metrics and status, and change nothing. Takes at least 16 visible ASCII characters. */
  readonly AdminReadOnlyToken?: string;
  /** A file that holds the token; `AdminReadOnlyToken` goes first. */
  readonly AdminReadOnlyTokenFile?: string;
  /** PEM file of the certificate of the admin port; with it, the admin port speaks TLS alone. */
  readonly AdminTlsCertFile?: string;
  /** PEM file of the private key of `AdminTlsCertFile`. */
  readonly AdminTlsKeyFile?: string;
  /** PEM file of the certificate authorities of those who may use the admin port: a client with such a certificate needs no token. */
  readonly AdminTlsCaFile?: string;
  /** More names by which the admin port may be asked, separated by commas. It answers to IP addresses, to `AdminHost`, to names without a dot and to those under `localhost`, `local` and `internal`; any other name could be that of a web page which has its visitors read the admin port (DNS rebinding), and gets 421. */
  readonly AdminHostNames?: string;
  /** More endpoints, beside the one at `ListenPort`, which reads and writes. */
  readonly Endpoints?: readonly EndpointSettings[];
  /** The host name or address of the database. Needed unless `DBInstanceIdentifier` or `DBClusterIdentifier` is given. */
  readonly TargetHost?: string;
  /** The port of the database. Takes a whole number from 1 to 65535. Default: `5432`. */
  readonly TargetPort?: number;
  /** The other instances of the same cluster, beside `TargetHost`: its standbys. The proxy finds out by itself which of them is the writer, and follows it when that changes. Of a host name, every address behind it is a target, and the name is resolved anew at each health check. */
  readonly Targets?: readonly TargetSettings[];
  /** An RDS instance that is a target, by its identifier or ARN. The RDS API is asked where it is, every 30 seconds, and while there is no writer every 5 seconds at most. Needs AWS credentials with `rds:DescribeDBInstances`, `AWS_REGION` unless it is an ARN, and the AWS SDK, which is installed unless optional packages are left out. */
  readonly DBInstanceIdentifier?: string;
  /** An Aurora or Multi-AZ DB cluster whose instances are targets, by its identifier or ARN; as `DBInstanceIdentifier`. */
  readonly DBClusterIdentifier?: string;
  /** Whether the targets are asked for the other instances of their cluster, which are targets then. `aurora`: an Aurora cluster, by `aurora_replica_status()`. `multi-az-cluster`: an RDS Multi-AZ DB cluster, by `rds_tools.show_topology`. `none`: `TargetHost` and `Targets` are all. Default: `none`. */
  readonly TargetTopology?: 'none' | 'aurora' | 'multi-az-cluster';
  /** The host of an Aurora instance, with `?` for the name of the instance: `?.abc123.eu-west-1.rds.amazonaws.com`. Needed when `TargetHost` is not the cluster endpoint, from which it is read. Takes a host, or host:port, with one ? in it. */
  readonly TargetInstancePattern?: string;
  /** A standby that is further behind the writer gets no reads. 0 is no limit. Measured by where the writer was when, at the pace of the health checks. Takes a number of seconds from 0 to 600. Default: `10`. */
  readonly MaxReplicationLag?: number;
  /** Whether the writer serves `READ_ONLY` endpoints while no standby can. Without it their clients wait, at most `ConnectionBorrowTimeout`. Default: `false`. */
  readonly ReadOnlyFallback?: boolean;
  /** How often each target is asked for its role, over a server connection that stays open for it. While there is no writer, targets are asked every 50 ms; what traffic says (a lost connection, SQLSTATE 57P01 or 25006) has the writer asked at once. Takes a number of seconds from 0.05 to 300. Default: `0.25`. */
  readonly HealthCheckInterval?: number;
  /** How long a health check waits for the answer, connecting included. A target that answers clients meanwhile is not called silent. Takes a number of seconds from 0.05 to 60. Default: `0.5`. */
  readonly HealthCheckTimeout?: number;
  /** How many health checks in a row must get no answer before the writer counts as lost. A writer that refuses connections is lost at once. Takes a whole number from 1 to 100 (checks). Default: `2`. */
  readonly HealthCheckFailures?: number;
  /** The database user of the health checks, one whose password `Users` or `AuthFile` holds; it needs no privilege but to connect. Without it, the first such user. */
  readonly HealthCheckUser?: string;
  /** The database that the health checks connect to. Default: `postgres`. */
  readonly HealthCheckDatabase?: string;
  /** TLS between the proxy and the database, as `sslmode` of libpq: `prefer` takes it when offered, `require` insists, `verify-ca` also checks who signed the certificate, `verify-full` also its host name. Default: `prefer`. */
  readonly TargetTlsMode?: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /** `postgres` asks the database whether it speaks TLS; `direct` starts with the TLS handshake, which saves a round trip and needs PostgreSQL 17 and `TargetTlsMode` `require` or stronger. Default: `postgres`. */
  readonly TargetTlsNegotiation?: 'postgres' | 'direct';
  /** Who may sign the certificate of the database when `TargetTlsCaFile` is not given: `system`, the authorities that the runtime trusts; `rds`, those of Amazon RDS, as they were when this version was made. Default: `system`. */
  readonly TargetTlsCa?: 'system' | 'rds';
  /** PEM file of the certificate authorities that may sign the certificate of the database. Without it, those of `TargetTlsCa`. */
  readonly TargetTlsCaFile?: string;
  /** The name that `verify-full` expects in the certificate of the database, and that the handshake asks for (SNI); without it, `TargetHost`. */
  readonly TargetTlsServerName?: string;
  /** PEM file of revoked certificates: a database that shows one of them is refused. */
  readonly TargetTlsCrlFile?: string;
  /** PEM file of the client certificate that the proxy shows to the database, with its chain. */
  readonly TargetTlsCertFile?: string;
  /** PEM file of the private key of `TargetTlsCertFile`. */
  readonly TargetTlsKeyFile?: string;
  /** Answers a database that asks for the password as an MD5 hash on a connection without TLS, too. Whoever reads the answer on its way can find out the password. SCRAM, which PostgreSQL asks for unless told otherwise, needs no TLS. Default: `false`. */
  readonly TargetMd5WithoutTls?: boolean;
  /** TLS between the clients and the proxy: `prefer` offers it, `require` refuses a client without it, `verify-ca` wants a client certificate signed by `TlsCaFile`, `verify-full` also wants its common name to be the user name. Default: `prefer` when `TlsCertFile` is given, else `disable`. */
  readonly TlsMode?: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /** PEM file of the certificate that the proxy shows to clients, with its chain. */
  readonly TlsCertFile?: string;
  /** PEM file of the private key of `TlsCertFile`. */
  readonly TlsKeyFile?: string;
  /** PEM file of the certificate authorities that may sign client certificates. */
  readonly TlsCaFile?: string;
  /** PEM file of revoked certificates: a client that shows one of them is refused. */
  readonly TlsCrlFile?: string;
  /** More certificates: the one is shown whose names (subjectAltName) have the host that the client asks for (SNI), else that of `TlsCertFile`. */
  readonly TlsCertificates?: readonly TlsCertificatesEntry[];
  /** The oldest version of TLS, towards clients and towards the database. Default: `TLSv1.2`. */
  readonly TlsMinVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** The cipher suites, towards clients and towards the database, in the syntax of OpenSSL; without it, those of the runtime. For example `TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384`. On Bun, those of TLS 1.3 are always its own. */
  readonly TlsCiphers?: string;
  /** The groups for key exchange, towards clients and towards the database, separated by colons, the best first; without it, those of the runtime. For example `X25519:P-256`. */
  readonly TlsGroups?: string;
  /** Refuses clients without TLS (SQLSTATE 28000), as `TlsMode` `require` does. Default: `false`. */
  readonly RequireTLS?: boolean;
  /** Who may log in to the proxy, and as whom the proxy logs in to the database for them. Each has at most one of `Password`, `PasswordFile`, `PasswordEnv` and `Verifier`; one without any has a password for the database and comes in by certificate or token (`ClientAuth`). */
  readonly Users?: readonly UserSettings[];
  /** More users, out of secrets of AWS Secrets Manager, as with RDS Proxy: each secret is JSON with `username` and `password`, for the client and for the database. Exactly one of `SecretArn`, `SecretNamePrefix` and `SecretTag` each. They are read again after a rotation, by the single-user or the alternating-users strategy: the versions AWSCURRENT, AWSPENDING and AWSPREVIOUS are all tried at the database. When Secrets Manager does not answer, what was read last serves on. An entry of `Users` with the same name goes first. Needs the AWS SDK, which is installed unless optional packages are left out. */
  readonly Auth?: readonly AuthSecret[];
  /** How often the secrets of `Auth` are read again. A password that the database or the proxy refuses has the secret of that user read at once, every two seconds at most. Takes a number of seconds from 10 to 86400. Default: `300`. */
  readonly SecretsRefreshInterval?: number;
  /** How long a client may use the old password after a secret was rotated. 0 refuses it at once: do that when a password has leaked. A password that is changed in the settings or their files is refused at once. Takes a number of seconds from 0 to 86400. Default: `300`. */
  readonly PasswordOverlap?: number;
  /** SQL that gives the verifier of a user, for those whom nothing else names: it gets the name as `$1` and answers with one row of user name and verifier (or password), or with none. For example `SELECT rolname, rolpassword FROM pg_authid WHERE rolname = $1 AND rolcanlogin`, or a function that may read that. The proxy logs in to the database for such users with the SCRAM keys that they show it, so it stores no password. */
  readonly AuthQuery?: string;
  /** The database user that runs `AuthQuery`, one whose password is known; without it, that of the health checks. */
  readonly AuthQueryUser?: string;
  /** The database in which `AuthQuery` runs. Default: `postgres`. */
  readonly AuthQueryDatabase?: string;
  /** How long an answer of `AuthQuery` is used. A wrong password has it asked again, every two seconds at most. When the database does not answer, the last answer serves on. Takes a number of seconds from 0 to 86400. Default: `60`. */
  readonly AuthQueryCacheTime?: number;
  /** How long it is remembered that `AuthQuery` knows no such user. Takes a number of seconds from 0 to 3600. Default: `5`. */
  readonly AuthQueryNegativeCacheTime?: number;
  /** Logs in to the database with tokens of AWS IAM in place of passwords. The database user needs the role `rds_iam`, the proxy AWS credentials with `rds-db:connect`, and `TargetTlsMode` `verify-full` or `verify-ca`. A token is signed for the host name and port of the endpoint as they are configured (or as the RDS API or Aurora name them), is used for every login while it is valid, and is renewed ahead of need. The region is the one in the host name, else `AWS_REGION`. Default: `false`. */
  readonly TargetIamAuth?: boolean;
  /** More users, in the format of PgBouncer's `userlist.txt`: one `"user" "password or verifier"` a line. An entry of `Users` with the same name goes first. */
  readonly AuthFile?: string;
  /** Who may come in from where, and how they prove who they are: the first rule that fits a client counts, and a client that none fits is refused (SQLSTATE 28000). Without any rule, and without `HbaFile`, every user of `Users`, `AuthFile`, `Auth` and `AuthQuery` comes in by its password. */
  readonly ClientAuth?: readonly ClientAuthEntry[];
  /** A `pg_hba.conf`, as it is: its lines are further rules behind those of `ClientAuth`. Lines for `local` connections fit nobody. A line that cannot be honoured (a method, a group of users or a host name that the proxy cannot check) refuses whoever it may fit, and is named in the log at the start. */
  readonly HbaFile?: string;
  /** A `pg_ident.conf`, as it is: maps of names for `ClientAuth` and `HbaFile`. */
  readonly IdentFile?: string;
  /** Who may be which user, as in `pg_ident.conf`. */
  readonly NameMaps?: readonly NameMapsEntry[];
  /** Where signed GetCallerIdentity requests of the method `sts` are sent, for example a VPC endpoint; without it, where the client has signed them for, which must be a host of AWS STS. Takes a URL without a path. */
  readonly StsEndpoint?: string;
  /** The value of the signed header `x-sluice-audience` that a request of the method `sts` must have: then no other service can use what a client sent to it. Empty, no such header is asked for. */
  readonly StsAudience?: string;
  /** How much of the `max_connections` of the database the proxy may use, over all pools. What the database reserves for superusers is taken off first; one connection of the rest is the health check's. Takes a whole number from 1 to 100 (percent). Default: `100`. */
  readonly MaxConnectionsPercent?: number;
  /** How much of the `max_connections` of the database may stand idle in the pools; at most `MaxConnectionsPercent`. More than that are closed, the longest idle first, once nobody has borrowed them for `ConnectionIdleTimeout`. Takes a whole number from 0 to 100 (percent). Default: half of `MaxConnectionsPercent`, rounded down. */
  readonly MaxIdleConnectionsPercent?: number;
  /** How long a session waits for a server connection before it gets an error (SQLSTATE 08000). 0 gives the error at once unless a server connection is idle. Takes a number of seconds from 0 to 300. Default: `120`. */
  readonly ConnectionBorrowTimeout?: number;
  /** Closes a client connection that has been silent for so long after its last request was answered. Takes a number of seconds from 1 to 28800. Default: `1800`. */
  readonly IdleClientTimeout?: number;
  /** SQL that runs once on each new server connection, before anyone borrows it; several statements are parted by `;`. Anyone who may read the settings can read it: no secrets. */
  readonly InitQuery?: string;
  /** Logs every statement, its literals replaced, and each step of a connection, whatever `LogLevel` says. Default: `false`. */
  readonly DebugLogging?: boolean;
  /** The most server connections in one pool, that is for one database and user. Those that pinned sessions keep to themselves are not counted here, only within `MaxConnectionsPercent`. 0 means that only `MaxConnectionsPercent` limits it. Takes a whole number from 0 to 100000 (connections). Default: `0`. */
  readonly PoolSize?: number;
  /** How many server connections a pool keeps open once it has been used, even when they are idle. Takes a whole number from 0 to 100000 (connections). Default: `0`. */
  readonly MinPoolSize?: number;
  /** Other values for some pools. The first entry whose `Database` and `User` both match a pool applies to it; what the entry leaves out comes from the setting of the same name. */
  readonly Pools?: readonly PoolSettings[];
  /** Closes a server connection of this age as soon as nobody borrows it. 0 means never. Takes a number of seconds from 0 to 2592000. Default: `3600`. */
  readonly ConnectionLifetime?: number;
  /** Shortens each `ConnectionLifetime` by a random share up to this one, so that connections opened together do not close together. Takes a whole number from 0 to 100 (percent). Default: `10`. */
  readonly ConnectionLifetimeJitterPercent?: number;
  /** How long nobody must have borrowed a server connection before `MaxIdleConnectionsPercent` closes it; `MinPoolSize` connections of the pool stay. Takes a number of seconds from 0 to 86400. Default: `300`. */
  readonly ConnectionIdleTimeout?: number;
  /** The most client connections at once; one more is refused with SQLSTATE 53300. Takes a whole number from 1 to 1000000 (connections). Default: `10000`. */
  readonly MaxClientConnections?: number;
  /** The most client connections of one user at once. 0 means no limit of its own. Takes a whole number from 0 to 1000000 (connections). Default: `0`. */
  readonly MaxClientConnectionsPerUser?: number;
  /** The most client connections to one database at once. 0 means no limit of its own. Takes a whole number from 0 to 1000000 (connections). Default: `0`. */
  readonly MaxClientConnectionsPerDatabase?: number;
  /** Closes a client connection that has not finished its login in this time. Takes a number of seconds from 1 to 3600. Default: `60`. */
  readonly ClientLoginTimeout?: number;
  /** Closes a client connection that leaves a transaction open and is silent for so long; the transaction is rolled back. 0 means never. Takes a number of seconds from 0 to 86400. Default: `0`. */
  readonly IdleInTransactionTimeout?: number;
  /** Cancels a statement that has run for so long, and closes its client connection. 0 means never. Takes a number of seconds from 0 to 86400. Default: `0`. */
  readonly QueryTimeout?: number;
  /** How long opening one server connection may take, login included. Takes a number of seconds from 0.1 to 300. Default: `5`. */
  readonly ConnectTimeout?: number;
  /** The pause after the first failure to open a server connection; it doubles with each further one, up to `ConnectRetryMax`. Takes a number of seconds from 0.01 to 300. Default: `0.1`. */
  readonly ConnectRetryMin?: number;
  /** The longest pause between two attempts to open a server connection. Takes a number of seconds from 0.01 to 300. Default: `5`. */
  readonly ConnectRetryMax?: number;
  /** How long it may take to hand a cancel request to the database before it is given up. Takes a number of seconds from 1 to 300. Default: `10`. */
  readonly CancelTimeout?: number;
  /** How long a drain waits for open transactions before it ends them. 0 means for ever. Takes a number of seconds from 0 to 86400. Default: `0`. */
  readonly DrainTimeout?: number;
  /** How many prepared statements stay on one server connection; the least recently used is closed. Takes a whole number from 1 to 100000 (statements). Default: `200`. */
  readonly PreparedStatementsPerConnection?: number;
  /** The longest statement that the proxy reads whole before it sends it on. A longer one streams through, and its session is pinned, since what the statement does is not known. Takes a whole number of bytes from 16384 to 1073741823. Default: `4194304`. */
  readonly MaxBufferedMessage?: number;
  /** How many bytes a client may send before it is let in. One that sends more is refused (SQLSTATE 08P01). PostgreSQL takes startup packets of 10,000 bytes; those of drivers have a few hundred. Takes a whole number of bytes from 2000 to 1048576. Default: `10000`. */
  readonly MaxBytesBeforeLogin?: number;
  /** How many names of prepared statements one session may have, those of SQL PREPARE included. A client that goes past it loses its connection (SQLSTATE 54000): the proxy keeps the text of each. Takes a whole number from 10 to 10000000 (statements). Default: `10000`. */
  readonly MaxPreparedStatements?: number;
  /** How many parameters one session may have set (`SET`, `set_config()`). A client that goes past it loses its connection (SQLSTATE 54000): each lease sets them anew. Takes a whole number from 100 to 1000000 (parameters). Default: `2000`. */
  readonly MaxSessionParameters?: number;
  /** How many channels one session may listen to. A client that goes past it loses its connection (SQLSTATE 54000). Takes a whole number from 10 to 1000000 (channels). Default: `10000`. */
  readonly MaxListenChannels?: number;
  /** While the process holds more memory than this, it takes no new work: clients that come are refused, and requests that need a server connection too (SQLSTATE 53200); transactions go on. It is there so that some clients are turned away before the system kills the process and with it all of them. 0 means nine tenths of what the container allows, and no limit outside of one. Takes a whole number of bytes from 0 to 1099511627776. Default: `0`. */
  readonly MaxMemory?: number;
  /** Sends a client a NOTICE when its session is pinned, with the reason and what would avoid it, and when it is unpinned. Meant for development. Default: `false`. */
  readonly PinNotice?: boolean;
  /** What follows when a session has run code whose effects are not proven: dynamic SQL, code that cannot be read. With reset another session gets the connection only after a reset in front of its first request; code that may leave what no reset removes (C functions that are not known, languages other than SQL and PL/pgSQL) pins the session, and the connection is closed afterwards. With pin all of it pins. With trust nothing is done: what such code leaves is seen by other sessions. Default: `reset`. */
  readonly UnprovenCode?: 'reset' | 'pin' | 'trust';
  /** The least important messages that are still logged. Default: `info`. */
  readonly LogLevel?: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  /** `json` writes one JSON object a line, `pretty` writes for people, `auto` is `pretty` on a terminal and `json` elsewhere. Default: `auto`. */
  readonly LogFormat?: 'auto' | 'json' | 'pretty';
}

/** One entry of the setting `Endpoints`. */
export interface EndpointSettings {
  /** Its name in metrics and logs. Takes letters, digits, - and _, a letter first. */
  readonly EndpointName: string;
  /** `READ_WRITE`: served by the writer. `READ_ONLY`: served by the standbys, each lease by the one that has the fewest out for its `max_connections`. Default: `READ_ONLY`. */
  readonly TargetRole?: 'READ_WRITE' | 'READ_ONLY';
  /** Its port. 0 picks a free one. Takes a whole number from 0 to 65535. */
  readonly ListenPort: number;
  /** Its address; without it, `ListenHost`. */
  readonly ListenHost?: string;
}

/** One entry of the setting `Targets`. */
export interface TargetSettings {
  /** The host name or address of the instance. */
  readonly Host: string;
  /** Its port; without it, `TargetPort`. Takes a whole number from 1 to 65535. */
  readonly Port?: number;
}

/** One entry of the setting `TlsCertificates`. */
export interface TlsCertificatesEntry {
  /** PEM file of the certificate with its chain. */
  readonly CertFile: string;
  /** PEM file of its private key. */
  readonly KeyFile: string;
}

/** One entry of the setting `Users`. */
export interface UserSettings {
  /** The name the client logs in with. */
  readonly UserName: string;
  /** The password the client must know. Takes a password, not empty and not a verifier. */
  readonly Password?: string;
  /** A file that holds the password and nothing else; one line break at its end is ignored. */
  readonly PasswordFile?: string;
  /** The environment variable that holds the password. Takes the name of an environment variable. */
  readonly PasswordEnv?: string;
  /** What PostgreSQL stores instead of the password (`rolpassword` in `pg_authid`): `SCRAM-SHA-256$…` or `md5…`. When it is the same as in the database, the proxy logs in there with the SCRAM keys of the client, once that has proved to know the password; until then, and for another verifier, give `DatabasePassword`. Takes SCRAM-SHA-256$… or md5…, as in pg_authid.rolpassword. */
  readonly Verifier?: string;
  /** The user the proxy logs in to the database as; without it, `UserName`. */
  readonly DatabaseUserName?: string;
  /** The password the proxy logs in to the database with; without it, that of the client. Takes a password, not empty. */
  readonly DatabasePassword?: string;
  /** A file that holds `DatabasePassword`. */
  readonly DatabasePasswordFile?: string;
  /** The environment variable that holds `DatabasePassword`. Takes the name of an environment variable. */
  readonly DatabasePasswordEnv?: string;
}

/** One entry of the setting `Auth`. */
export interface AuthSecret {
  /** The complete ARN of the secret, or its name in the region of `AWS_REGION`. */
  readonly SecretArn?: string;
  /** All secrets whose name begins like this, in the region of `AWS_REGION`; a new one is found without a restart. Needs `secretsmanager:ListSecrets`. Takes the beginning of names of secrets. */
  readonly SecretNamePrefix?: string;
  /** All secrets with this tag, `KEY` or `KEY=VALUE`; as `SecretNamePrefix`. Takes KEY or KEY=VALUE. */
  readonly SecretTag?: string;
  /** The key of the JSON that holds the user name. Default: `username`. */
  readonly UsernameKey?: string;
  /** The key of the JSON that holds the password. Default: `password`. */
  readonly PasswordKey?: string;
  /** The name that clients log in with; without it, that in the secret. With the alternating-users strategy, whose secret names another database user after each rotation, clients keep this one. */
  readonly UserName?: string;
  /** How clients prove to be this user, as with RDS Proxy: `DISABLED`, by the password; `REQUIRED`, by a token of IAM over TLS; `ENABLED`, by either, over TLS. Default: `DISABLED`. */
  readonly IAMAuth?: 'DISABLED' | 'REQUIRED' | 'ENABLED';
  /** How clients show that they know the password. Default: `POSTGRES_SCRAM_SHA_256`. */
  readonly ClientPasswordAuthType?: 'POSTGRES_SCRAM_SHA_256' | 'POSTGRES_MD5';
  /** A remark, for people. */
  readonly Description?: string;
}

/** One entry of the setting `ClientAuth`. */
export interface ClientAuthEntry {
  /** `hostssl`: clients with TLS. `hostnossl`: those without. `host`: both. Default: `host`. */
  readonly Type?: 'host' | 'hostssl' | 'hostnossl';
  /** Databases, separated by commas, as in `pg_hba.conf`: names, `all`, `sameuser`, `replication`, or a regular expression after a slash. Default: `all`. */
  readonly Database?: string;
  /** Users, separated by commas: names, `all`, or a regular expression after a slash. Default: `all`. */
  readonly User?: string;
  /** Addresses of clients, separated by commas: `10.0.0.0/8`, `fd00::/8`, or `all`. Default: `all`. */
  readonly Address?: string;
  /** How clients prove who they are; docs/security.md says what each is good for. `scram-sha-256`: SCRAM, bound to the TLS connection where the client can. `md5`: SCRAM, or an MD5 hash for users of whom only that is known. `password`: in clear over TLS. `cert`: a client certificate. `iam`: a token for the database, as the password over TLS. `sts`: a signed GetCallerIdentity request, as the password over TLS. `jwt`: a JSON Web Token, as the password over TLS. `oauth`: the same by SASL OAUTHBEARER. `trust`: nothing. `reject`: nobody. */
  readonly Method:
    | 'scram-sha-256'
    | 'md5'
    | 'password'
    | 'cert'
    | 'iam'
    | 'sts'
    | 'jwt'
    | 'oauth'
    | 'trust'
    | 'reject';
  /** Beside the method, a certificate that `TlsCaFile` signed; with `verify-full` it also names the user. Default: `no`. */
  readonly ClientCert?: 'no' | 'verify-ca' | 'verify-full';
  /** The map of `NameMaps` or `IdentFile` that says who may be which user: for the common name of a certificate, the ARN of a role, or the claim of a token. Without it, the name must be that of the user. */
  readonly Map?: string;
  /** For `jwt` and `oauth`: who must have issued the token. Its keys are found by OpenID Connect discovery. Takes an https URL. */
  readonly Issuer?: string;
  /** For `jwt` and `oauth`: whom the token must be for. Needed: without it, a token for any other service would do. */
  readonly Audience?: string;
  /** For `jwt` and `oauth`: scopes that the token must have, separated by spaces. */
  readonly Scope?: string;
  /** For `jwt` and `oauth`: the claim that names the user, or what `Map` maps to one. Default: `sub`. */
  readonly UserClaim?: string;
  /** For `jwt` and `oauth`: where the keys of the issuer are, if it has no discovery. Takes an https URL. */
  readonly KeySetUrl?: string;
}

/** One entry of the setting `NameMaps`. */
export interface NameMapsEntry {
  /** The map; several lines make one. */
  readonly MapName: string;
  /** The name that was proved: literally, or a regular expression after a slash. */
  readonly SystemUserName: string;
  /** The user that it may be, or `all`; `\1` is what the first group of the regular expression has found. */
  readonly UserName: string;
}

/** One entry of the setting `Pools`. */
export interface PoolSettings {
  /** A database name, or `*` for every one. */
  readonly Database: string;
  /** The name of a user in the database, or `*` for every one. */
  readonly User: string;
  /** `PoolSize` of these pools. Takes a whole number from 0 to 100000 (connections). */
  readonly PoolSize?: number;
  /** `MinPoolSize` of these pools. Takes a whole number from 0 to 100000 (connections). */
  readonly MinPoolSize?: number;
  /** `InitQuery` of these pools. */
  readonly InitQuery?: string;
}
