/** The fixed part of an error: its wire form, who caused it, and what to do about it. */
interface ErrorKind {
  /** Five characters from Appendix A of the PostgreSQL manual, or the code that RDS Proxy uses for the same error. */
  readonly sqlstate: string;
  /** FATAL ends the client connection; ERROR ends the statement; WARNING ends nothing. */
  readonly severity: 'WARNING' | 'ERROR' | 'FATAL';
  readonly source: 'client' | 'proxy' | 'database' | 'operator';
  /** True when the same request may succeed if it is sent again. */
  readonly retryable: boolean;
  /** The situation in which it occurs, for docs/errors.md. */
  readonly when: string;
  /** The primary message; `{name}` is replaced by a value. Lower case, no full stop. */
  readonly message: string;
  /** What to do, sent as the HINT field. */
  readonly hint?: string;
}

/** Every error that Sluice itself raises, by code. docs/errors.md is generated from this table. */
export const errorKinds = {
  BORROW_TIMEOUT: {
    sqlstate: '08000',
    severity: 'ERROR',
    source: 'proxy',
    retryable: true,
    when: 'A session waited longer than ConnectionBorrowTimeout for a server connection.',
    message:
      'timed out after {waited} ms waiting for a server connection: pool {pool} has {size} of {limit} connections open, and {queue} sessions are waiting',
    hint: 'Raise PoolSize or ConnectionBorrowTimeout, or shorten your transactions.',
  },
  NO_CONNECTION_LEFT: {
    sqlstate: '53300',
    severity: 'FATAL',
    source: 'proxy',
    retryable: true,
    when: 'A replication connection needs a dedicated server connection, and all connections that MaxConnectionsPercent allows are in use.',
    message:
      'no server connection is available for replication: all {allowed} allowed connections are in use',
    hint: 'Raise MaxConnectionsPercent, or lower PoolSize.',
  },
  QUERY_CANCELED: {
    sqlstate: '57014',
    severity: 'ERROR',
    source: 'client',
    retryable: false,
    when: 'A client canceled a statement while its session was waiting for a server connection.',
    message: 'canceling statement due to user request',
  },
  SERVER_CONNECTION_LOST: {
    sqlstate: '08006',
    severity: 'ERROR',
    source: 'database',
    retryable: false,
    when: 'The server connection closed before the response to the statement was complete.',
    message:
      'the server connection was lost while the statement was running ({reason}); the statement may or may not have taken effect',
    hint: 'Check whether the statement took effect before you run it again.',
  },
  LOGIN_CONNECTION_LOST: {
    sqlstate: '08006',
    severity: 'FATAL',
    source: 'database',
    retryable: true,
    when: 'The database closed the server connection that a login needed. The proxy had sent no statement of the client.',
    message: 'the server connection was lost during the login ({reason})',
    hint: 'Connect again.',
  },
  TRANSACTION_LOST: {
    sqlstate: '40001',
    severity: 'ERROR',
    source: 'database',
    retryable: true,
    when: 'The server connection closed during an open transaction, before the client sent COMMIT. PostgreSQL rolls such a transaction back.',
    message: 'the transaction was rolled back because its server connection was lost ({reason})',
    hint: 'Send ROLLBACK and retry the transaction. The client connection remains usable.',
  },
  IN_LOST_TRANSACTION: {
    sqlstate: '25P02',
    severity: 'ERROR',
    source: 'client',
    retryable: false,
    when: 'A client sends another statement in a transaction whose loss was already reported.',
    message: 'current transaction is aborted, commands ignored until end of transaction block',
    hint: 'Send ROLLBACK.',
  },
  NOTIFICATIONS_NOT_READ: {
    sqlstate: '53400',
    severity: 'FATAL',
    source: 'client',
    retryable: true,
    when: 'A client listens, but does not read its notifications.',
    message: 'more than {bytes} bytes of unread notifications are queued for the client',
    hint: 'Read from the connection regularly, and keep transactions short: notifications are delivered between transactions.',
  },
  NOTIFICATIONS_MISSED: {
    sqlstate: '01000',
    severity: 'WARNING',
    source: 'database',
    retryable: false,
    when: 'The proxy lost its listening connection and has reconnected. The client stays connected.',
    message: 'notifications may have been missed: the proxy was not listening for {seconds} s',
    hint: 'Reread the data that the notifications refer to.',
  },
  TOO_MANY_CLIENTS: {
    sqlstate: '53300',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The number of client connections has reached the limit in the setting.',
    message: 'too many client connections: {setting} is {limit}',
    hint: 'Raise the setting, or close unused connections.',
  },
  TERMINATED: {
    sqlstate: '57P01',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'An administrator terminated the session, with pg_terminate_backend() and the process ID that the client received, or with DROP DATABASE … WITH (FORCE).',
    message: 'terminating connection due to administrator command',
  },
  ROLE_CONNECTION_LIMIT: {
    sqlstate: '53300',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The role has reached its CONNECTION LIMIT. The proxy counts its clients and the connections that other programs opened. It does not count its own server connections.',
    message: 'too many connections for role "{user}"',
  },
  DATABASE_CONNECTION_LIMIT: {
    sqlstate: '53300',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The database has reached its CONNECTION LIMIT, counted as for a role.',
    message: 'too many connections for database "{database}"',
  },
  LOGIN_DENIED: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: "The system catalogs show that PostgreSQL would refuse the login, and no server connection is available to try it. If one is, the client gets PostgreSQL's own error.",
    message: 'the database does not allow this login: {why}',
  },
  ROLE_OR_DATABASE_REPLACED: {
    sqlstate: '57P01',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The role or the database of the session was dropped and created again. The session belonged to the old one.',
    message:
      'terminating the client connection: the role or the database of {pool} was dropped and created again',
  },
  WRONG_PASSWORD: {
    sqlstate: '28P01',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'The password is wrong, or the user does not exist.',
    message: 'password authentication failed for user "{user}"',
  },
  NO_USER_NAME: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'The startup packet contains no user name.',
    message: 'no PostgreSQL user name specified in startup packet',
  },
  TLS_REQUIRED: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'A client connected without TLS, and RequireTLS or TlsMode requires it.',
    message: 'this proxy requires TLS connections',
    hint: 'Connect with sslmode=require or stronger.',
  },
  CLIENT_CERTIFICATE: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'TlsMode requires a client certificate, and the client presented none, or one that is not valid for the user. The log has the reason.',
    message: 'the client certificate was not accepted',
  },
  PROTOCOL_VERSION: {
    sqlstate: '0A000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'A client requested a major protocol version other than 3.',
    message: 'unsupported frontend protocol {version}: the proxy supports 3.0 to 3.2',
  },
  STARTUP_PARAMETER: {
    sqlstate: '22023',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'The startup packet contains an invalid value for `replication`.',
    message: 'invalid value for parameter "{name}": "{value}"',
    hint: 'Valid values are: "false", 0, "true", 1, "database".',
  },
  UNENCRYPTED_DATA: {
    sqlstate: '08P01',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'A client sent data after SSLRequest without waiting for the response.',
    message: 'received unencrypted data after SSL request',
    hint: 'This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.',
  },
  STARTUP_OPTION: {
    sqlstate: '42601',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'The startup parameter `options` contains something other than a command-line option of the server.',
    message: '{problem}',
    hint: 'Use -c name=value, or an option from the reference page of postgres.',
  },
  PASSWORD_FILE: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'A PasswordFile cannot be read, or is empty.',
    message: 'the password file {file} of user "{user}" cannot be used: {why}',
  },
  PASSWORD_VARIABLE: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'The environment variable that PasswordEnv or DatabasePasswordEnv names is unset or empty.',
    message: 'the environment variable {name} of user "{user}" cannot be used: {why}',
  },
  ADMIN_TOKEN: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'AdminTokenFile or AdminReadOnlyTokenFile cannot be read, or contains no valid token.',
    message: 'the token file {file} for the admin port cannot be used: {why}',
  },
  HBA_FILE: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'A ClientAuth rule, or a line of HbaFile or IdentFile, is invalid.',
    message: '{where}: {why}',
  },
  NO_RULE: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'No ClientAuth rule and no line of HbaFile matches the client, or the first match rejects it. The log names the rule.',
    message:
      'no pg_hba.conf entry for host "{address}", user "{user}", database "{database}", {encryption}',
  },
  TOKEN_REFUSED: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'The token that the client sent is not valid for this user. The log has the reason.',
    message: '{method} authentication failed for user "{user}"',
  },
  LOGIN_UNCHECKED: {
    sqlstate: '57P03',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The proxy cannot check the user or the token now: the database (for AuthQuery or an IAM token), the issuer of the token or AWS STS does not respond, or too many other logins wait to be checked. The log gives the reason.',
    message: 'the proxy cannot check the login of user "{user}" now',
    hint: 'Retry in a few seconds.',
  },
  SECRETS_UNREAD: {
    sqlstate: '57P03',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The proxy does not know the user, and it has not been able to read all secrets of Auth since it started.',
    message: 'the proxy has not been able to read its user secrets yet',
    hint: 'Retry in a few seconds.',
  },
  EMPTY_PASSWORD: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'The verifier of a user was made from the empty password. The proxy does not accept empty passwords.',
    message: 'the verifier of user "{user}" was made from an empty password',
    hint: 'Set a password for the user.',
  },
  SECRET: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'A secret of Auth cannot be read from AWS Secrets Manager, or contains no user name and password.',
    message: 'the secret {secret} cannot be used: {why}',
    hint: 'The secret must be JSON with username and password. The proxy needs secretsmanager:GetSecretValue on the secret and kms:Decrypt on its key.',
  },
  RDS_INSTANCES: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The RDS API returned no address for DBInstanceIdentifier or DBClusterIdentifier. This is fatal only at startup, when no other target is configured.',
    message: 'the RDS API returned no address for {identifier}: {why}',
    hint: 'The proxy needs AWS credentials with rds:DescribeDBInstances, and a region: AWS_REGION, or an ARN for the identifier.',
  },
  IAM_TOKEN: {
    sqlstate: '28000',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'TargetIamAuth is true, and the proxy cannot sign a token for the database user.',
    message: 'cannot sign an IAM token for the database user "{user}": {why}',
    hint: 'The proxy needs AWS credentials with rds-db:connect for that user.',
  },
  KEY_PAIR: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'A certificate file, or the file with its key, cannot be read, or they do not belong together.',
    message: '{file}: {why}',
  },
  AUTH_FILE: {
    sqlstate: 'F0000',
    severity: 'FATAL',
    source: 'operator',
    retryable: false,
    when: 'A line of AuthFile is not `"user" "password or verifier"`, its password is empty, or its verifier is malformed.',
    message: '{file}, line {line}: {why}',
  },
  LOGIN_TIMEOUT: {
    sqlstate: '08006',
    severity: 'FATAL',
    source: 'client',
    retryable: true,
    when: 'A client did not complete its login within ClientLoginTimeout.',
    message: 'the login took longer than ClientLoginTimeout ({seconds} s)',
  },
  IDLE_CLIENT_TIMEOUT: {
    sqlstate: '57P05',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'A client was idle for IdleClientTimeout.',
    message: 'terminating the client connection: it was idle for IdleClientTimeout ({seconds} s)',
  },
  IDLE_IN_TRANSACTION_TIMEOUT: {
    sqlstate: '25P03',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'A client was idle in an open transaction for IdleInTransactionTimeout.',
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
    hint: 'Raise QueryTimeout. To get an error and keep the connection, set statement_timeout instead.',
  },
  SHUTTING_DOWN: {
    sqlstate: '57P01',
    severity: 'FATAL',
    source: 'operator',
    retryable: true,
    when: 'The proxy is draining or stopping.',
    message: 'terminating the client connection: the proxy is shutting down',
  },
  SESSION_LIMIT: {
    sqlstate: '54000',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'A session has more or longer prepared statements, parameters, channels or portals than the settings allow.',
    message: 'the session has exceeded a limit: {setting} is {limit}',
    hint: 'Release unused state (DEALLOCATE, RESET, UNLISTEN), or raise the setting.',
  },
  OUT_OF_MEMORY: {
    sqlstate: '53200',
    severity: 'ERROR',
    source: 'operator',
    retryable: true,
    when: 'The proxy uses more memory than MaxMemory allows. It refuses new work until its memory use drops below the limit.',
    message: 'the proxy is out of memory: it uses {held} MB, and MaxMemory is {limit} MB',
    hint: 'Retry later. The operator can raise MaxMemory, or lower MaxClientConnections or MaxBufferedMessage.',
  },
  PROTOCOL_VIOLATION: {
    sqlstate: '08P01',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'A client sent bytes that violate the PostgreSQL protocol.',
    message: 'protocol violation: {what}',
  },
  INTERNAL: {
    sqlstate: 'XX000',
    severity: 'FATAL',
    source: 'proxy',
    retryable: false,
    when: 'A bug in the proxy. The proxy closes the client connection and its server connection, and logs the stack trace.',
    message: 'internal error in the proxy',
    hint: 'This is a bug. Please report it, with the stack trace from the log.',
  },
  OUT_OF_SYNC: {
    sqlstate: '08P01',
    severity: 'FATAL',
    source: 'database',
    retryable: false,
    when: 'The database sent a message that no request accounts for. The proxy closes the server connection.',
    message: 'unexpected message from the database: {what}; the proxy closed the server connection',
  },
} as const satisfies Record<string, ErrorKind>;

/** The code of an error that Sluice itself raises. */
export type ErrorCode = keyof typeof errorKinds;

/** An error as the fields of an ErrorResponse. */
interface WireFields {
  readonly severity: 'WARNING' | 'ERROR' | 'FATAL';
  readonly sqlstate: string;
  readonly message: string;
  readonly hint?: string;
}

/** An error that Sluice reports to a client or to an operator. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly code: ErrorCode;
  readonly sqlstate: string;
  readonly severity: 'WARNING' | 'ERROR' | 'FATAL';
  readonly retryable: boolean;
  readonly hint: string | undefined;

  /** `values` replaces the `{name}` placeholders in the message. */
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
