/** What a kind of error always is: its wire form, who caused it, and how to fix it. */
interface ErrorKind {
  /** Five characters, from PostgreSQL's Appendix A, or RDS Proxy's own choice where it has one. */
  readonly sqlstate: string;
  /** FATAL ends the client connection; ERROR ends the statement; WARNING ends nothing. */
  readonly severity: 'WARNING' | 'ERROR' | 'FATAL';
  readonly source: 'client' | 'proxy' | 'database' | 'operator';
  /** True when the same request may succeed if it is sent again. */
  readonly retryable: boolean;
  /** When it happens, for docs/errors.md. */
  readonly when: string;
  /** The sentence; `{name}` stands for a value. Lower case, no full stop. */
  readonly message: string;
  /** What to do, sent as the HINT field. */
  readonly hint?: string;
}

/** Every error that Sluice itself can give, by code. docs/errors.md is made from this table. */
export const errorKinds = {
  BORROW_TIMEOUT: {
    sqlstate: '08000',
    severity: 'ERROR',
    source: 'proxy',
    retryable: true,
    when: 'A session waited for a server connection longer than ConnectionBorrowTimeout.',
    message:
      'timed out waiting for a server connection: pool {pool} has {size} of {limit} connections, {queue} sessions wait, this one waited {waited} ms',
    hint: 'Raise PoolSize or ConnectionBorrowTimeout, or shorten the transactions that hold the connections.',
  },
  NO_CONNECTION_LEFT: {
    sqlstate: '53300',
    severity: 'FATAL',
    source: 'proxy',
    retryable: true,
    when: 'A replication connection needs a server connection of its own, and all are in use.',
    message: 'no server connection is left for replication: all {allowed} allowed are in use',
    hint: 'Raise MaxConnectionsPercent, or lower PoolSize.',
  },
  QUERY_CANCELED: {
    sqlstate: '57014',
    severity: 'ERROR',
    source: 'client',
    retryable: false,
    when: 'A client canceled a statement that was still waiting for a server connection.',
    message: 'canceling statement due to user request',
  },
  SERVER_CONNECTION_LOST: {
    sqlstate: '08006',
    severity: 'ERROR',
    source: 'database',
    retryable: false,
    when: 'The server connection that ran the statement ended before its answer was complete.',
    message:
      'the server connection was lost while the statement ran ({reason}); it is unknown whether it took effect',
    hint: 'Check the effect of the statement before it is run again.',
  },
  TRANSACTION_LOST: {
    sqlstate: '40001',
    severity: 'ERROR',
    source: 'database',
    retryable: true,
    when: 'The server connection ended while a transaction was open that had not been asked to commit: nothing of it took effect.',
    message: 'the transaction was rolled back, because its server connection was lost ({reason})',
    hint: 'Roll back and run the transaction again; the client connection can be used on.',
  },
  IN_LOST_TRANSACTION: {
    sqlstate: '25P02',
    severity: 'ERROR',
    source: 'client',
    retryable: false,
    when: 'A client goes on in a transaction that was lost, after it was told so.',
    message: 'current transaction is aborted, commands ignored until end of transaction block',
    hint: 'Roll back.',
  },
  NOTIFICATIONS_NOT_READ: {
    sqlstate: '53400',
    severity: 'FATAL',
    source: 'client',
    retryable: true,
    when: 'A client that listens does not read the notifications that come for it.',
    message: 'more than {bytes} bytes of notifications wait to be read by the client',
    hint: 'Read notifications as they come, also while a transaction is open: they are given at its end.',
  },
  NOTIFICATIONS_MISSED: {
    sqlstate: '01000',
    severity: 'WARNING',
    source: 'database',
    retryable: false,
    when: 'The connection on which the proxy listens for its clients was lost, and is back. The client keeps its connection.',
    message: 'notifications may have been missed: nobody listened for {seconds} s',
    hint: 'Check again what the notifications are about.',
  },
  TOO_MANY_CLIENTS: {
    sqlstate: '53300',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'As many clients as the setting allows are connected.',
    message: 'too many client connections: {setting} is {limit}',
    hint: 'Raise the setting, or close connections that are not used.',
  },
  TERMINATED: {
    sqlstate: '57P01',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'An administrator has ended the session: by pg_terminate_backend() with the process id that the client was told, or by DROP DATABASE … WITH (FORCE).',
    message: 'terminating connection due to administrator command',
  },
  ROLE_CONNECTION_LIMIT: {
    sqlstate: '53300',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The role has a CONNECTION LIMIT, and as many clients are logged in with it. Clients of the proxy count, and connections that are not its own; the server connections that it shares out do not.',
    message: 'too many connections for role "{user}"',
  },
  DATABASE_CONNECTION_LIMIT: {
    sqlstate: '53300',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The database has a CONNECTION LIMIT, and as many clients are logged in to it, counted as for a role.',
    message: 'too many connections for database "{database}"',
  },
  LOGIN_DENIED: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: "The catalogues of the database say that it would not let the user in, and no server connection is left to ask it in earnest. Else the client gets PostgreSQL's own error.",
    message: 'the database does not let the user in: {why}',
  },
  ROLE_OR_DATABASE_REPLACED: {
    sqlstate: '57P01',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The role or the database that a session logged in to was dropped and made again: the session belongs to what is no more.',
    message:
      'terminating the client connection: the role or the database of {pool} was dropped and created again',
  },
  WRONG_PASSWORD: {
    sqlstate: '28P01',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'The client did not prove that it knows the password, or there is no such user.',
    message: 'password authentication failed for user "{user}"',
  },
  NO_USER_NAME: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'The startup packet names no user.',
    message: 'no PostgreSQL user name specified in startup packet',
  },
  TLS_REQUIRED: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'A client without TLS connected while RequireTLS or TlsMode asks for it.',
    message: 'this proxy requires TLS connections',
    hint: 'Connect with sslmode=require or stronger.',
  },
  CLIENT_CERTIFICATE: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'TlsMode asks for a client certificate, and the one shown (or none) is not valid for the user. The log says why.',
    message: 'the client certificate was not accepted',
  },
  PROTOCOL_VERSION: {
    sqlstate: '0A000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'A client speaks another major version of the protocol.',
    message: 'unsupported frontend protocol {version}: the proxy supports 3.0 to 3.2',
  },
  STARTUP_PARAMETER: {
    sqlstate: '22023',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'The startup packet gives `replication` a value that it cannot have.',
    message: 'invalid value for parameter "{name}": "{value}"',
    hint: 'Valid values are: "false", 0, "true", 1, "database".',
  },
  UNENCRYPTED_DATA: {
    sqlstate: '08P01',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'A client sent bytes after SSLRequest without waiting for the answer.',
    message: 'received unencrypted data after SSL request',
    hint: 'This is a bug of the client software, or somebody between the client and the proxy tampers with the connection.',
  },
  STARTUP_OPTION: {
    sqlstate: '42601',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'The startup parameter `options` holds what is no command-line option of a server process.',
    message: '{problem}',
    hint: 'Use -c name=value, or an option of the manual page of postgres.',
  },
  PASSWORD_FILE: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'A PasswordFile cannot be read, or holds no password.',
    message: 'the password file {file} of user "{user}" cannot be used: {why}',
  },
  PASSWORD_VARIABLE: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'The environment variable of a PasswordEnv or DatabasePasswordEnv is not set, or empty.',
    message: 'the environment variable {name} of user "{user}" cannot be used: {why}',
  },
  ADMIN_TOKEN: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'AdminTokenFile or AdminReadOnlyTokenFile cannot be read, or holds no token.',
    message: 'the token file {file} of the admin port cannot be used: {why}',
  },
  HBA_FILE: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'A rule of ClientAuth, or a line of HbaFile or IdentFile, cannot be understood.',
    message: '{where}: {why}',
  },
  NO_RULE: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'No rule of ClientAuth and no line of HbaFile lets the client in from there, or the one that fits rejects it. The log names the rule.',
    message:
      'no pg_hba.conf entry for host "{address}", user "{user}", database "{database}", {encryption}',
  },
  TOKEN_REFUSED: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'The token that a client sent does not let it in as that user. The log says why.',
    message: '{method} authentication failed for user "{user}"',
  },
  SECRETS_UNREAD: {
    sqlstate: '57P03',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'A client logs in as a user who is not known while secrets of Auth could not be read since the start.',
    message: 'the proxy has not been able to read its users yet',
    hint: 'Try again in a moment.',
  },
  EMPTY_PASSWORD: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'The verifier of a user is that of the empty password, which lets nobody in.',
    message: 'the verifier of user "{user}" is that of the empty password',
    hint: 'Give the user a password.',
  },
  SECRET: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'A secret of Auth cannot be read from AWS Secrets Manager, or holds no user name and password.',
    message: 'the secret {secret} cannot be used: {why}',
    hint: 'It must be JSON with username and password; the proxy needs secretsmanager:GetSecretValue on it, and kms:Decrypt on its key.',
  },
  RDS_INSTANCES: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The RDS API does not tell where the instances of DBInstanceIdentifier or DBClusterIdentifier are. Fatal only when the proxy starts and knows no other target.',
    message: 'the RDS API does not tell where {identifier} is: {why}',
    hint: 'The proxy needs AWS credentials with rds:DescribeDBInstances, and a region: AWS_REGION, or an ARN for the identifier.',
  },
  IAM_TOKEN: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'TargetIamAuth is true, and no token can be signed for the database user.',
    message: 'no IAM token can be made for the database user "{user}": {why}',
    hint: 'The proxy needs AWS credentials with rds-db:connect for that user.',
  },
  AUTH_FILE: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'A line of AuthFile is not `"user" "password or verifier"`, its password is empty, or its verifier broken.',
    message: '{file}, line {line}: {why}',
  },
  LOGIN_TIMEOUT: {
    sqlstate: '08006',
    severity: 'FATAL',
    source: 'client',
    retryable: true,
    when: 'A client did not finish logging in within ClientLoginTimeout.',
    message: 'the login took longer than ClientLoginTimeout ({seconds} s)',
  },
  IDLE_CLIENT_TIMEOUT: {
    sqlstate: '57P05',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'A client sent nothing for IdleClientTimeout.',
    message:
      'terminating the client connection: nothing was sent for IdleClientTimeout ({seconds} s)',
  },
  IDLE_IN_TRANSACTION_TIMEOUT: {
    sqlstate: '25P03',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'A client left a transaction open and sent nothing for IdleInTransactionTimeout.',
    message:
      'terminating the client connection: the transaction was idle for IdleInTransactionTimeout ({seconds} s)',
  },
  QUERY_TIMEOUT: {
    sqlstate: '57014',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'A statement ran longer than QueryTimeout.',
    message:
      'terminating the client connection: the statement ran longer than QueryTimeout ({seconds} s)',
    hint: 'Raise QueryTimeout, or set statement_timeout in the session to get an error instead.',
  },
  SHUTTING_DOWN: {
    sqlstate: '57P01',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The proxy drains or stops.',
    message: 'terminating the client connection: the proxy is shutting down',
  },
  SESSION_LIMIT: {
    sqlstate: '54000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'A session has more prepared statements, parameters or channels than the settings allow.',
    message: 'too much is kept for this session: {setting} is {limit}',
    hint: 'Close what is not needed any more (DEALLOCATE, RESET, UNLISTEN), or raise the setting.',
  },
  OUT_OF_MEMORY: {
    sqlstate: '53200',
    severity: 'ERROR',
    source: 'operator',
    retryable: true,
    when: 'The process holds more memory than MaxMemory allows: it takes no new work until it holds less.',
    message: 'the proxy is short of memory: it holds {held} MB, MaxMemory allows {limit} MB',
    hint: 'Try again later; the operator may raise MaxMemory, or lower MaxClientConnections or MaxBufferedMessage.',
  },
  PROTOCOL_VIOLATION: {
    sqlstate: '08P01',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'A client sent bytes that are not the PostgreSQL protocol.',
    message: 'protocol violation: {what}',
  },
  INTERNAL: {
    sqlstate: 'XX000',
    severity: 'FATAL',
    source: 'proxy',
    retryable: false,
    when: 'Something happened that no code of the proxy foresaw. The client connection and its server connection are closed; the log holds the stack.',
    message: 'internal error of the proxy',
    hint: 'This is a bug: please report it, with what the log says.',
  },
  OUT_OF_SYNC: {
    sqlstate: '08P01',
    severity: 'FATAL',
    source: 'database',
    retryable: false,
    when: 'The database sent a message that answers no request. Sluice closed the server connection.',
    message: 'unexpected answer from the database: {what}; the server connection was closed',
  },
} as const satisfies Record<string, ErrorKind>;

/** The code of an error that Sluice itself gives. */
export type ErrorCode = keyof typeof errorKinds;

/** An error as the fields of an ErrorResponse. */
interface WireFields {
  readonly severity: 'WARNING' | 'ERROR' | 'FATAL';
  readonly sqlstate: string;
  readonly message: string;
  readonly hint?: string;
}

/** An error that Sluice gives to a client or to an operator. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly code: ErrorCode;
  readonly sqlstate: string;
  readonly severity: 'WARNING' | 'ERROR' | 'FATAL';
  readonly retryable: boolean;
  readonly hint: string | undefined;

  /** `values` fills the `{name}` places of the kind's message. */
  constructor(
    code: ErrorCode,
    values: Readonly<Record<string, string | number>> = {},
    cause?: unknown,
  ) {
    const kind: ErrorKind = errorKinds[code];
    super(
      kind.message.replace(/\{(\w+)\}/g, (placeholder, name: string) =>
        String(values[name] ?? placeholder),
      ),
      cause === undefined ? undefined : { cause },
    );
    this.code = code;
    this.sqlstate = kind.sqlstate;
    this.severity = kind.severity;
    this.retryable = kind.retryable;
    this.hint = kind.hint;
  }

  /** Its wire form. */
  get fields(): WireFields {
    const { severity, sqlstate, message, hint } = this;
    return hint === undefined
      ? { severity, sqlstate, message }
      : { severity, sqlstate, message, hint };
  }
}
