// Generated from packages/proxy/src/settings/table.ts by `npm run docs`.

/** The settings of a proxy, with the names of the settings file. Omitted settings have their defaults. */
export interface ProxySettings {
  /**
   * The address that the default endpoint listens on. `0.0.0.0` or `::` means every interface. Default: `127.0.0.1`.
   */
  readonly ListenHost?: string;
  /**
   * The port that the default endpoint listens on. 0 picks a free port. Takes a whole number from 0 to 65535. Default:
   * `6432`.
   */
  readonly ListenPort?: number;
  /**
   * The directory of a Unix socket on which endpoints also listen, as `unix_socket_directories` of PostgreSQL. The file
   * is `.s.PGSQL.` and the port of the endpoint, as clients expect: `psql -h /run/sluice -p 6432`. Connections to it
   * use no TLS and need none. The proxy replaces the file of a process that has ended, and removes its own file when it
   * stops accepting clients. Takes the absolute path of a directory.
   */
  readonly ListenSocket?: string;
  /**
   * The permissions of the `ListenSocket` file: anyone who can write to it can connect. The default, as in PostgreSQL,
   * admits everyone who has access to the directory. Takes an octal mode in quotes, such as '0770'. Default: `0777`.
   */
  readonly ListenSocketMode?: string;
  /**
   * The address of the admin port, or the path of a Unix socket. File permissions control access to the socket.
   * Connections to a loopback address need no token. On any other address, requests other than `/healthz` and `/readyz`
   * need `AdminToken`, `AdminReadOnlyToken` or a client certificate (`AdminTlsCaFile`). Default: `127.0.0.1`.
   */
  readonly AdminHost?: string;
  /** The admin port. 0 picks a free port. Takes a whole number from 0 to 65535. Default: `9127`. */
  readonly AdminPort?: number;
  /**
   * The token for full access to the admin port, including pause, resume and drain. Clients send it as `Authorization:
   * Bearer TOKEN`. If this setting or `AdminReadOnlyToken` is set, connections to a loopback address need a token too.
   * Takes at least 16 visible ASCII characters.
   */
  readonly AdminToken?: string;
  /** A file that contains the token. `AdminToken` takes precedence. */
  readonly AdminTokenFile?: string;
  /** The token for read-only access to metrics and status. Takes at least 16 visible ASCII characters. */
  readonly AdminReadOnlyToken?: string;
  /** A file that contains the token. `AdminReadOnlyToken` takes precedence. */
  readonly AdminReadOnlyTokenFile?: string;
  /** PEM file with the certificate of the admin port. If it is set, the admin port accepts only TLS. */
  readonly AdminTlsCertFile?: string;
  /** PEM file with the private key of `AdminTlsCertFile`. */
  readonly AdminTlsKeyFile?: string;
  /**
   * PEM file with certificate authorities. A client whose certificate one of them signed has full access to the admin
   * port without a token.
   */
  readonly AdminTlsCaFile?: string;
  /**
   * Additional host names that the admin port accepts in requests, separated by commas. It always accepts IP addresses,
   * `AdminHost`, names without a dot, and names under `localhost`, `local` and `internal`. It answers 421 to any other
   * name, as protection against DNS rebinding.
   */
  readonly AdminHostNames?: string;
  /** Endpoints in addition to the default one, which listens on `ListenPort` and has the role `READ_WRITE`. */
  readonly Endpoints?: readonly EndpointSettings[];
  /**
   * The host name or address of the database, or the directory of its Unix socket, an absolute path; the file is
   * `.s.PGSQL.` and `TargetPort`. Required unless `DBInstanceIdentifier` or `DBClusterIdentifier` is set. A Unix socket
   * uses no TLS, whatever `TargetTlsMode` is, as in libpq.
   */
  readonly TargetHost?: string;
  /** The port of the database. Takes a whole number from 1 to 65535. Default: `5432`. */
  readonly TargetPort?: number;
  /**
   * The instances of the cluster other than `TargetHost`. The proxy detects which instance is the writer and follows it
   * after a failover. If a host name resolves to several addresses, each address is a target. Every health check
   * resolves the name again.
   */
  readonly Targets?: readonly TargetSettings[];
  /**
   * The identifier or ARN of an RDS instance that is a target. The proxy gets its address from the RDS API every 30
   * seconds, and at most every 5 seconds while there is no writer. This needs AWS credentials with
   * `rds:DescribeDBInstances`, `AWS_REGION` unless you give an ARN, and the AWS SDK, an optional dependency that npm
   * installs by default.
   */
  readonly DBInstanceIdentifier?: string;
  /**
   * The identifier or ARN of an Aurora or Multi-AZ DB cluster whose instances are targets. It has the same requirements
   * as `DBInstanceIdentifier`.
   */
  readonly DBClusterIdentifier?: string;
  /**
   * How the proxy discovers the other instances of the cluster. `aurora`: it calls `aurora_replica_status()` on an
   * Aurora cluster. `multi-az-cluster`: it calls `rds_tools.show_topology` on an RDS Multi-AZ DB cluster. `none`: the
   * targets are `TargetHost` and `Targets` only. Default: `none`.
   */
  readonly TargetTopology?: 'none' | 'aurora' | 'multi-az-cluster';
  /**
   * The pattern of the host names of Aurora instances, with `?` for the instance name:
   * `?.abc123.eu-west-1.rds.amazonaws.com`. The proxy derives it from `TargetHost` if that is the cluster endpoint.
   * Otherwise this setting is required. Takes a host, or host:port, with one ? in it.
   */
  readonly TargetInstancePattern?: string;
  /**
   * The proxy sends no reads to a standby that lags further behind the writer. 0 means no limit. The proxy computes the
   * lag at each health check, from the WAL positions that it recorded for the writer. Takes a number of seconds from 0
   * to 600. Default: `10`.
   */
  readonly MaxReplicationLag?: number;
  /**
   * Whether the writer serves `READ_ONLY` endpoints while no standby is available. If it is false, the clients of these
   * endpoints wait, up to `ConnectionBorrowTimeout`. Default: `false`.
   */
  readonly ReadOnlyFallback?: boolean;
  /**
   * How often the proxy checks the role of each target. It keeps one server connection per target open for that. While
   * there is no writer, it checks every 50 ms. It checks the writer immediately when traffic signals a failure (a lost
   * connection, SQLSTATE 57P01 or 25006). Takes a number of seconds from 0.05 to 300. Default: `0.25`.
   */
  readonly HealthCheckInterval?: number;
  /**
   * The timeout of a health check, including the time to connect. A target that responds to clients in the meantime
   * does not fail the check. Takes a number of seconds from 0.05 to 60. Default: `0.5`.
   */
  readonly HealthCheckTimeout?: number;
  /**
   * The number of consecutive health checks that must time out before the proxy considers the writer lost. A writer
   * that refuses connections is lost immediately. Takes a whole number from 1 to 100 (checks). Default: `2`.
   */
  readonly HealthCheckFailures?: number;
  /**
   * The database user for health checks. Its password must be in `Users` or `AuthFile`, and it needs no privilege
   * except CONNECT. The default is the first such user.
   */
  readonly HealthCheckUser?: string;
  /** The database that the health checks connect to. Default: `postgres`. */
  readonly HealthCheckDatabase?: string;
  /**
   * TLS between the proxy and the database, with the same values as libpq's `sslmode`: `prefer` uses TLS if the
   * database offers it, `require` requires it, `verify-ca` also verifies the certificate's issuer, and `verify-full`
   * also verifies its host name. Default: `prefer`.
   */
  readonly TargetTlsMode?: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /**
   * `postgres` negotiates TLS with SSLRequest. `direct` starts with the TLS handshake. That saves a round trip, and
   * needs PostgreSQL 17 and `TargetTlsMode` `require` or stronger. Default: `postgres`.
   */
  readonly TargetTlsNegotiation?: 'postgres' | 'direct';
  /**
   * The trusted certificate authorities for the database if `TargetTlsCaFile` is not set. `system`: the authorities
   * that the runtime trusts. `rds`: the authorities of Amazon RDS, as of the release of this version. Default:
   * `system`.
   */
  readonly TargetTlsCa?: 'system' | 'rds';
  /** PEM file with the trusted certificate authorities for the database. It overrides `TargetTlsCa`. */
  readonly TargetTlsCaFile?: string;
  /**
   * The name that `verify-full` expects in the certificate of the database, and that the proxy sends in SNI. The
   * default is `TargetHost`.
   */
  readonly TargetTlsServerName?: string;
  /** PEM file with a certificate revocation list. The proxy refuses a database whose certificate is on the list. */
  readonly TargetTlsCrlFile?: string;
  /** PEM file with the client certificate that the proxy presents to the database, and its chain. */
  readonly TargetTlsCertFile?: string;
  /** PEM file with the private key of `TargetTlsCertFile`. */
  readonly TargetTlsKeyFile?: string;
  /**
   * Allows MD5 authentication at the database over a connection without TLS. An eavesdropper can recover the password
   * from the response. SCRAM, which is the default in PostgreSQL, needs no TLS. Default: `false`.
   */
  readonly TargetMd5WithoutTls?: boolean;
  /**
   * TLS between the clients and the proxy. `prefer`: the proxy offers it. `require`: the proxy refuses clients without
   * TLS. `verify-ca`: the client must also present a certificate signed by an authority in `TlsCaFile`. `verify-full`:
   * the common name of that certificate must also be the user name. Default: `prefer` when `TlsCertFile` is given, else
   * `disable`.
   */
  readonly TlsMode?: 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';
  /** PEM file with the certificate that the proxy presents to clients, and its chain. */
  readonly TlsCertFile?: string;
  /** PEM file with the private key of `TlsCertFile`. */
  readonly TlsKeyFile?: string;
  /** PEM file with the trusted certificate authorities for client certificates. */
  readonly TlsCaFile?: string;
  /** PEM file with a certificate revocation list. The proxy refuses a client whose certificate is on the list. */
  readonly TlsCrlFile?: string;
  /**
   * Additional certificates. The proxy presents the one whose subjectAltName matches the host that the client requested
   * with SNI. If none matches, it presents `TlsCertFile`.
   */
  readonly TlsCertificates?: readonly TlsCertificatesEntry[];
  /** The minimum TLS version, for clients and for the database. Default: `TLSv1.2`. */
  readonly TlsMinVersion?: 'TLSv1.2' | 'TLSv1.3';
  /**
   * The cipher suites for clients and for the database, in OpenSSL syntax, for example
   * `TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384`. The default is that of the runtime. Bun always uses its own
   * cipher suites for TLS 1.3.
   */
  readonly TlsCiphers?: string;
  /**
   * The key-exchange groups for clients and for the database, separated by colons, in order of preference, for example
   * `X25519:P-256`. The default is that of the runtime.
   */
  readonly TlsGroups?: string;
  /** Whether the proxy refuses clients without TLS (SQLSTATE 28000), as with `TlsMode` `require`. Default: `false`. */
  readonly RequireTLS?: boolean;
  /**
   * The users who can log in to the proxy, and the credentials that the proxy uses for them at the database. Each user
   * has at most one of `Password`, `PasswordFile`, `PasswordEnv` and `Verifier`. A user with none of them needs a
   * database password or a `DatabaseUserName`, and authenticates with a certificate or a token (`ClientAuth`).
   */
  readonly Users?: readonly UserSettings[];
  /**
   * Additional users from AWS Secrets Manager, as with RDS Proxy. Each secret is JSON with `username` and `password`,
   * which apply to the client and to the database. Each entry has exactly one of `SecretArn`, `SecretNamePrefix` and
   * `SecretTag`. The proxy rereads secrets after a rotation, with the single-user or the alternating-users strategy: it
   * tries the versions AWSCURRENT, AWSPENDING and AWSPREVIOUS at the database. While Secrets Manager does not respond,
   * the proxy uses the values that it read last. An entry of `Users` with the same name takes precedence. This needs
   * the AWS SDK, an optional dependency that npm installs by default.
   */
  readonly Auth?: readonly AuthSecret[];
  /**
   * How often the proxy rereads the secrets of `Auth`. If the database or the proxy rejects a password, the proxy
   * rereads the secret of that user immediately, but at most every two seconds. Takes a number of seconds from 10 to
   * 86400. Default: `300`.
   */
  readonly SecretsRefreshInterval?: number;
  /**
   * How long clients can still use the old password after a secret was rotated. 0 means not at all; set it after a
   * password has leaked. The overlap does not apply to a password that you change in the settings or in a file. Takes a
   * number of seconds from 0 to 86400. Default: `300`.
   */
  readonly PasswordOverlap?: number;
  /**
   * SQL that returns the verifier of a user who is not in `Users`, `AuthFile` or `Auth`. `$1` is the user name. The
   * query returns one row with the user name and the verifier (or password), or no row. For example: `SELECT rolname,
   * rolpassword FROM pg_authid WHERE rolname = $1 AND rolcanlogin`, or a call to a SECURITY DEFINER function. The proxy
   * logs in to the database with the SCRAM keys of the authenticated client, so it needs no stored password.
   */
  readonly AuthQuery?: string;
  /**
   * The database user that runs `AuthQuery`. The settings must contain its password. The default is the user of the
   * health checks.
   */
  readonly AuthQueryUser?: string;
  /** The database in which `AuthQuery` runs. Default: `postgres`. */
  readonly AuthQueryDatabase?: string;
  /**
   * How long the proxy caches the result of `AuthQuery`. After a wrong password it runs the query again, but at most
   * every two seconds. While the database does not respond, the proxy uses the last result. Takes a number of seconds
   * from 0 to 86400. Default: `60`.
   */
  readonly AuthQueryCacheTime?: number;
  /**
   * How long the proxy caches that `AuthQuery` returned no row. Takes a number of seconds from 0 to 3600. Default: `5`.
   */
  readonly AuthQueryNegativeCacheTime?: number;
  /**
   * Whether the proxy logs in to the database with AWS IAM tokens instead of passwords. The database user needs the
   * role `rds_iam`. The proxy needs AWS credentials with `rds-db:connect`, and `TargetTlsMode` `verify-full` or
   * `verify-ca`. It signs each token for the host name and port in the settings (or those that the RDS API or Aurora
   * reports), uses it for all logins while it is valid, and renews it before it expires. The region comes from the host
   * name, otherwise from `AWS_REGION`. Default: `false`.
   */
  readonly TargetIamAuth?: boolean;
  /**
   * Additional users, in the format of PgBouncer's `userlist.txt`: one `"user" "password or verifier"` per line. An
   * entry of `Users` with the same name takes precedence.
   */
  readonly AuthFile?: string;
  /**
   * Authentication rules, as in `pg_hba.conf`. The first rule that matches a client applies. The proxy refuses a client
   * that matches no rule (SQLSTATE 28000). Without rules and without `HbaFile`, every user of `Users`, `AuthFile`,
   * `Auth` and `AuthQuery` authenticates with a password.
   */
  readonly ClientAuth?: readonly ClientAuthEntry[];
  /**
   * A `pg_hba.conf`, unchanged. Its lines follow the rules of `ClientAuth`. Lines for `local` connections match clients
   * on a Unix socket (`ListenSocket`). If the proxy does not support a line (because of its method, a group of users or
   * a host name), it refuses the clients that may match the line, and logs a warning at startup.
   */
  readonly HbaFile?: string;
  /** A `pg_ident.conf`, unchanged, with user name maps for `ClientAuth` and `HbaFile`. */
  readonly IdentFile?: string;
  /** User name maps, as in `pg_ident.conf`. */
  readonly NameMaps?: readonly NameMapsEntry[];
  /**
   * Where the proxy sends the signed GetCallerIdentity requests of the method `sts`, for example a VPC endpoint. The
   * default is the host that the client signed the request for, which must be a host of AWS STS. Takes a URL without a
   * path.
   */
  readonly StsEndpoint?: string;
  /**
   * The required value of the signed header `x-sluice-audience` in a request of the method `sts`. It prevents the
   * replay of a request that a client sent to another service. If it is empty, the proxy does not check the header.
   */
  readonly StsAudience?: string;
  /**
   * The share of `max_connections` of the database that the proxy can use, over all pools. The proxy first subtracts
   * the connections that the database reserves for superusers. One of the remaining connections is for the health
   * check. Takes a whole number from 1 to 100 (percent). Default: `100`.
   */
  readonly MaxConnectionsPercent?: number;
  /**
   * The share of `max_connections` of the database that can be idle in the pools; at most `MaxConnectionsPercent`. The
   * proxy closes idle connections beyond it, starting with the longest idle, once they have been idle for
   * `ConnectionIdleTimeout`. Takes a whole number from 0 to 100 (percent). Default: half of `MaxConnectionsPercent`,
   * rounded down.
   */
  readonly MaxIdleConnectionsPercent?: number;
  /**
   * How long a session waits for a server connection before it gets an error (SQLSTATE 08000). With 0, it gets the
   * error immediately unless a server connection is idle. Takes a number of seconds from 0 to 300. Default: `120`.
   */
  readonly ConnectionBorrowTimeout?: number;
  /**
   * The proxy closes a client connection that has been idle for this long since the response to its last request. Takes
   * a number of seconds from 1 to 28800. Default: `1800`.
   */
  readonly IdleClientTimeout?: number;
  /**
   * SQL that the proxy runs on each new server connection before the first session borrows it. Separate statements with
   * `;`. Do not include secrets: everyone who can read the settings can read it.
   */
  readonly InitQuery?: string;
  /** Logs every normalized query and every event of a connection, regardless of `LogLevel`. Default: `false`. */
  readonly DebugLogging?: boolean;
  /**
   * The maximum number of server connections in one pool, that is, for one database and user. Connections of pinned
   * sessions do not count against it, only against `MaxConnectionsPercent`. 0 means that only `MaxConnectionsPercent`
   * limits the pool. Takes a whole number from 0 to 100000 (connections). Default: `0`.
   */
  readonly PoolSize?: number;
  /**
   * The number of server connections that a pool keeps open, even if they are idle. It applies once the pool has been
   * used. Takes a whole number from 0 to 100000 (connections). Default: `0`.
   */
  readonly MinPoolSize?: number;
  /**
   * Overrides for individual pools. The first entry whose `Database` and `User` both match a pool applies. A field that
   * the entry omits has the value of the global setting of the same name.
   */
  readonly Pools?: readonly PoolSettings[];
  /**
   * The proxy closes a server connection that reaches this age, as soon as no session has it leased. 0 means never.
   * Takes a number of seconds from 0 to 2592000. Default: `3600`.
   */
  readonly ConnectionLifetime?: number;
  /**
   * The proxy shortens `ConnectionLifetime` for each connection by a random percentage up to this value, so that
   * connections opened together do not close together. Takes a whole number from 0 to 100 (percent). Default: `10`.
   */
  readonly ConnectionLifetimeJitterPercent?: number;
  /**
   * How long a server connection must be idle before the proxy can close it because of `MaxIdleConnectionsPercent`. The
   * proxy keeps `MinPoolSize` connections of each pool. Takes a number of seconds from 0 to 86400. Default: `300`.
   */
  readonly ConnectionIdleTimeout?: number;
  /**
   * The maximum number of client connections. The proxy refuses further clients with SQLSTATE 53300. Takes a whole
   * number from 1 to 1000000 (connections). Default: `10000`.
   */
  readonly MaxClientConnections?: number;
  /**
   * The maximum number of client connections per user. 0 means no limit. Takes a whole number from 0 to 1000000
   * (connections). Default: `0`.
   */
  readonly MaxClientConnectionsPerUser?: number;
  /**
   * The maximum number of client connections per database. 0 means no limit. Takes a whole number from 0 to 1000000
   * (connections). Default: `0`.
   */
  readonly MaxClientConnectionsPerDatabase?: number;
  /**
   * The proxy closes a client connection that does not complete its login in this time. Takes a number of seconds from
   * 1 to 3600. Default: `60`.
   */
  readonly ClientLoginTimeout?: number;
  /**
   * The proxy closes a client connection that has been idle in a transaction for this long. The transaction is rolled
   * back. 0 means never. Takes a number of seconds from 0 to 86400. Default: `0`.
   */
  readonly IdleInTransactionTimeout?: number;
  /**
   * The proxy cancels a statement that has run for this long, and closes the client connection. 0 means never. Takes a
   * number of seconds from 0 to 86400. Default: `0`.
   */
  readonly QueryTimeout?: number;
  /**
   * The timeout for opening a server connection, including the login. Takes a number of seconds from 0.1 to 300.
   * Default: `5`.
   */
  readonly ConnectTimeout?: number;
  /**
   * The delay after the first failed attempt to open a server connection. It doubles with each further failure, up to
   * `ConnectRetryMax`. Takes a number of seconds from 0.01 to 300. Default: `0.1`.
   */
  readonly ConnectRetryMin?: number;
  /**
   * The maximum delay between two attempts to open a server connection. Takes a number of seconds from 0.01 to 300.
   * Default: `5`.
   */
  readonly ConnectRetryMax?: number;
  /**
   * The maximum number of connections that deliver cancel requests to the database at the same time. They are not part
   * of the pools, and PostgreSQL does not count them in max_connections. Further cancel requests wait in a queue. Takes
   * a whole number from 1 to 1000 (connections). Default: `8`.
   */
  readonly MaxCancelConnections?: number;
  /**
   * The timeout for sending a cancel request to the database. Takes a number of seconds from 1 to 300. Default: `10`.
   */
  readonly CancelTimeout?: number;
  /**
   * How long a drain waits for open transactions before it terminates them. 0 means that it waits without limit. Takes
   * a number of seconds from 0 to 86400. Default: `0`.
   */
  readonly DrainTimeout?: number;
  /**
   * The maximum number of prepared statements on one server connection. The proxy closes the least recently used one to
   * make room. Takes a whole number from 1 to 100000 (statements). Default: `200`.
   */
  readonly PreparedStatementsPerConnection?: number;
  /**
   * The longest statement that the proxy buffers and analyzes. The proxy streams a longer one through and pins its
   * session, because it does not know the side effects of the statement. Takes a whole number of bytes from 16384 to
   * 1073741823. Default: `4194304`.
   */
  readonly MaxBufferedMessage?: number;
  /**
   * The maximum number of bytes that a client can send before it is authenticated. The proxy refuses a client that
   * sends more (SQLSTATE 08P01). PostgreSQL accepts startup packets of up to 10,000 bytes; drivers send a few hundred.
   * Takes a whole number of bytes from 2000 to 1048576. Default: `10000`.
   */
  readonly MaxBytesBeforeLogin?: number;
  /**
   * The maximum number of named prepared statements per session, including those made with SQL PREPARE. The proxy
   * stores the text of each. It closes a client connection that exceeds the limit (SQLSTATE 54000). Takes a whole
   * number from 10 to 10000000 (statements). Default: `10000`.
   */
  readonly MaxPreparedStatements?: number;
  /**
   * The maximum number of parameters that one session can set (`SET`, `set_config()`). The proxy replays them on each
   * lease. It closes a client connection that exceeds the limit (SQLSTATE 54000). Takes a whole number from 100 to
   * 1000000 (parameters). Default: `2000`.
   */
  readonly MaxSessionParameters?: number;
  /**
   * The maximum number of channels that one session can listen on. The proxy closes a client connection that exceeds
   * the limit (SQLSTATE 54000). Takes a whole number from 10 to 1000000 (channels). Default: `10000`.
   */
  readonly MaxListenChannels?: number;
  /**
   * The maximum number of portals that the proxy tracks for one session. It tracks the portals of statements that
   * change session state (`SET`, `EXECUTE`, `DEALLOCATE`). The proxy closes a client connection that exceeds the limit
   * (SQLSTATE 54000). Takes a whole number from 10 to 1000000 (portals). Default: `10000`.
   */
  readonly MaxPortals?: number;
  /**
   * The maximum size of what the proxy keeps for one session: the names and texts of its prepared statements, the names
   * and values of its parameters, and the texts of its tracked portals. The proxy closes a client connection that
   * exceeds the limit (SQLSTATE 54000). Takes a whole number of bytes from 100000 to 1099511627776. Default:
   * `67108864`.
   */
  readonly MaxSessionMemory?: number;
  /**
   * The maximum number of bytes of notifications that the proxy buffers for a client that does not read them. The proxy
   * closes a client connection that exceeds the limit (SQLSTATE 53400). Query results are not buffered: the proxy stops
   * reading from the database until the client reads. Takes a whole number of bytes from 65536 to 1073741823. Default:
   * `1048576`.
   */
  readonly MaxUnreadBytes?: number;
  /**
   * The maximum number of pending replies of one session. When a client pipelines more requests, the proxy stops
   * reading from it until half of the replies have come. The client connection stays open. Takes a whole number from
   * 100 to 1000000 (replies). Default: `2000`.
   */
  readonly MaxPendingReplies?: number;
  /**
   * The maximum number of parameters that the database can report on one server connection (ParameterStatus). The proxy
   * closes a server connection that exceeds the limit. PostgreSQL reports about 15. Takes a whole number from 50 to
   * 1000000 (parameters). Default: `500`.
   */
  readonly MaxReportedParameters?: number;
  /**
   * The maximum size of an error, a notice or a notification from the database, and of a result that the proxy reads
   * itself. The proxy closes a server connection that exceeds the limit. Rows and COPY data for clients can have any
   * size. Takes a whole number of bytes from 65536 to 1073741823. Default: `16777216`.
   */
  readonly MaxServerMessage?: number;
  /**
   * While the process uses more memory than this, it refuses new clients, and requests outside transactions (SQLSTATE
   * 53200). Open transactions continue. The limit protects all clients from the out-of-memory killer. 0 means 90 % of
   * the memory limit of the container, or no limit outside a container. Takes a whole number of bytes from 0 to
   * 1099511627776. Default: `0`.
   */
  readonly MaxMemory?: number;
  /**
   * Sends a client a NOTICE when its session is pinned and when it is unpinned, with the reason and a way to avoid the
   * pin. Intended for development. Default: `false`.
   */
  readonly PinNotice?: boolean;
  /**
   * What the proxy does after a session has run code whose side effects are not proven: dynamic SQL, or code that the
   * proxy cannot read. `reset`: the proxy resets the connection before it forwards the first request of another
   * session. Code whose side effects a reset might not remove (unknown C functions, languages other than SQL and
   * PL/pgSQL) pins the session, and the proxy closes the connection afterwards. `pin`: all unproven code pins. `trust`:
   * the proxy does nothing, so other sessions can see the side effects. Default: `reset`.
   */
  readonly UnprovenCode?: 'reset' | 'pin' | 'trust';
  /**
   * Whether the reads of several sessions can be in flight on one server connection, one after another, to save system
   * calls. A query cycle qualifies if it is a single SELECT, VALUES, TABLE or SHOW without side effects, as a simple
   * Query or as one run of a prepared statement, outside a transaction, of a session without a pin or LISTEN. `auto`:
   * reads that mostly took less than 5 ms so far, while sessions take turns on connections more than 300 times a
   * second. `off`: none. `always`: all that qualify, for tests. See [interleaving.md](interleaving.md). Default:
   * `auto`.
   */
  readonly Interleaving?: 'off' | 'auto' | 'always';
  /** The minimum level of the messages in the log. Default: `info`. */
  readonly LogLevel?: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  /**
   * `json`: one JSON object per line. `pretty`: text for humans. `auto`: `pretty` on a terminal, `json` otherwise.
   * Default: `auto`.
   */
  readonly LogFormat?: 'auto' | 'json' | 'pretty';
}

/** One entry of the setting `Endpoints`. */
export interface EndpointSettings {
  /** The name of the endpoint in metrics and logs. Takes letters, digits, - and _, a letter first. */
  readonly EndpointName: string;
  /**
   * `READ_WRITE`: the writer serves the endpoint. `READ_ONLY`: the standbys serve it. Each lease goes to the standby
   * with the fewest leases relative to its `max_connections`. Default: `READ_ONLY`.
   */
  readonly TargetRole?: 'READ_WRITE' | 'READ_ONLY';
  /** The port that the endpoint listens on. 0 picks a free port. Takes a whole number from 0 to 65535. */
  readonly ListenPort: number;
  /** The address that the endpoint listens on. The default is the global `ListenHost`. */
  readonly ListenHost?: string;
  /**
   * The directory of the Unix socket of the endpoint. The default is the global `ListenSocket`. Takes the absolute path
   * of a directory.
   */
  readonly ListenSocket?: string;
}

/** One entry of the setting `Targets`. */
export interface TargetSettings {
  /** The host name or address of the instance, or the directory of its Unix socket. */
  readonly Host: string;
  /** The port of the instance. The default is `TargetPort`. Takes a whole number from 1 to 65535. */
  readonly Port?: number;
}

/** One entry of the setting `TlsCertificates`. */
export interface TlsCertificatesEntry {
  /** PEM file with the certificate and its chain. */
  readonly CertFile: string;
  /** PEM file with the private key. */
  readonly KeyFile: string;
}

/** One entry of the setting `Users`. */
export interface UserSettings {
  /** The user name that the client sends. */
  readonly UserName: string;
  /** The password of the client. Takes a password, not empty and not a verifier. */
  readonly Password?: string;
  /** A file that contains only the password. The proxy ignores one line break at the end. */
  readonly PasswordFile?: string;
  /** The environment variable that contains the password. Takes the name of an environment variable. */
  readonly PasswordEnv?: string;
  /**
   * The value that PostgreSQL stores instead of the password (`rolpassword` in `pg_authid`): `SCRAM-SHA-256$…`, with at
   * most a million iterations, or `md5…`. If the database has the same SCRAM verifier, the proxy logs in there with the
   * SCRAM keys of a client that has authenticated. If the verifiers differ, or the proxy must log in before the first
   * client does, set `DatabasePassword`. Takes SCRAM-SHA-256$… or md5…, as in pg_authid.rolpassword.
   */
  readonly Verifier?: string;
  /** The user name that the proxy uses at the database. The default is `UserName`. */
  readonly DatabaseUserName?: string;
  /**
   * The password that the proxy uses at the database. The default is the client's password. Takes a password, not
   * empty.
   */
  readonly DatabasePassword?: string;
  /** A file that contains `DatabasePassword`. */
  readonly DatabasePasswordFile?: string;
  /** The environment variable that contains `DatabasePassword`. Takes the name of an environment variable. */
  readonly DatabasePasswordEnv?: string;
}

/** One entry of the setting `Auth`. */
export interface AuthSecret {
  /** The complete ARN of the secret, or its name in the region of `AWS_REGION`. */
  readonly SecretArn?: string;
  /**
   * All secrets whose name has this prefix, in the region of `AWS_REGION`. The proxy finds new secrets without a
   * restart. Needs `secretsmanager:ListSecrets`. Takes the prefix of secret names.
   */
  readonly SecretNamePrefix?: string;
  /**
   * All secrets with this tag, `KEY` or `KEY=VALUE`. Otherwise it works like `SecretNamePrefix`. Takes KEY or
   * KEY=VALUE.
   */
  readonly SecretTag?: string;
  /** The JSON key of the user name. Default: `username`. */
  readonly UsernameKey?: string;
  /** The JSON key of the password. Default: `password`. */
  readonly PasswordKey?: string;
  /**
   * The user name that clients send. The default is the user name in the secret. Set it with the alternating-users
   * strategy, where the user name in the secret changes with each rotation.
   */
  readonly UserName?: string;
  /**
   * How clients authenticate as this user, as with RDS Proxy. `DISABLED`: with the password. `REQUIRED`: with an IAM
   * token over TLS. `ENABLED`: with either, over TLS. Default: `DISABLED`.
   */
  readonly IAMAuth?: 'DISABLED' | 'REQUIRED' | 'ENABLED';
  /** The authentication method for the password. Default: `POSTGRES_SCRAM_SHA_256`. */
  readonly ClientPasswordAuthType?: 'POSTGRES_SCRAM_SHA_256' | 'POSTGRES_MD5';
  /** A comment. The proxy ignores it. */
  readonly Description?: string;
}

/** One entry of the setting `ClientAuth`. */
export interface ClientAuthEntry {
  /**
   * `hostssl`: clients with TLS. `hostnossl`: clients without TLS. `host`: both. `local`: clients on a Unix socket,
   * which the other types never match. Default: `host`.
   */
  readonly Type?: 'host' | 'hostssl' | 'hostnossl' | 'local';
  /**
   * Databases, separated by commas, as in `pg_hba.conf`: names, `all`, `sameuser`, `replication`, or a regular
   * expression after a slash. Default: `all`.
   */
  readonly Database?: string;
  /** Users, separated by commas: names, `all`, or a regular expression after a slash. Default: `all`. */
  readonly User?: string;
  /**
   * Client addresses, separated by commas: `10.0.0.0/8`, `fd00::/8`, or `all`. A client on a Unix socket has no
   * address. Default: `all`.
   */
  readonly Address?: string;
  /**
   * How clients authenticate; docs/security.md compares the methods. `scram-sha-256`: SCRAM, with channel binding if
   * the client supports it. `md5`: SCRAM, or MD5 for users with an MD5 verifier. `password`: a cleartext password over
   * TLS. `cert`: a client certificate. `iam`: an RDS IAM token, as a password over TLS. `sts`: a signed
   * GetCallerIdentity request, as a password over TLS. `jwt`: a JSON Web Token, as a password over TLS. `oauth`: a JSON
   * Web Token, with SASL OAUTHBEARER. `trust`: no authentication. `reject`: the proxy refuses the client.
   */
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
  /**
   * Whether the client must also present a certificate signed by an authority in `TlsCaFile`. With `verify-full`, its
   * common name must also match the user. Default: `no`.
   */
  readonly ClientCert?: 'no' | 'verify-ca' | 'verify-full';
  /**
   * The map in `NameMaps` or `IdentFile` from an external name to users. The external name is the common name of a
   * certificate, the ARN of a role, or the claim of a token. Without a map, the external name must be the user name.
   */
  readonly Map?: string;
  /**
   * For `jwt` and `oauth`: the required issuer of the token. The proxy finds its keys by OpenID Connect discovery.
   * Takes an https URL.
   */
  readonly Issuer?: string;
  /**
   * For `jwt` and `oauth`: the required audience of the token. It is mandatory, since otherwise the proxy would accept
   * a token that was issued for another service.
   */
  readonly Audience?: string;
  /** For `jwt` and `oauth`: the required scopes of the token, separated by spaces. */
  readonly Scope?: string;
  /**
   * For `jwt` and `oauth`: the claim that contains the user name, or the external name that `Map` maps to a user.
   * Default: `sub`.
   */
  readonly UserClaim?: string;
  /**
   * For `jwt` and `oauth`: the URL of the key set of the issuer, if the issuer does not support discovery. Takes an
   * https URL.
   */
  readonly KeySetUrl?: string;
}

/** One entry of the setting `NameMaps`. */
export interface NameMapsEntry {
  /** The name of the map. Entries with the same name form one map. */
  readonly MapName: string;
  /** The authenticated external name: a literal, or a regular expression after a slash. */
  readonly SystemUserName: string;
  /** The user that the client can log in as, or `all`. `\1` is the first capture of the regular expression. */
  readonly UserName: string;
}

/** One entry of the setting `Pools`. */
export interface PoolSettings {
  /** A database name, or `*` for all. */
  readonly Database: string;
  /** The name of a database user, or `*` for all. */
  readonly User: string;
  /** `PoolSize` for these pools. Takes a whole number from 0 to 100000 (connections). */
  readonly PoolSize?: number;
  /** `MinPoolSize` for these pools. Takes a whole number from 0 to 100000 (connections). */
  readonly MinPoolSize?: number;
  /** `InitQuery` for these pools. */
  readonly InitQuery?: string;
}
