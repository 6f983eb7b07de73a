/** What a kind of error always is: its wire form, who caused it, and how to mend it. */
interface ErrorKind {
  /** Five characters, from PostgreSQL's Appendix A, or RDS Proxy's own choice where it has one. */
  readonly sqlstate: string;
  /** FATAL ends the client connection; ERROR ends the statement. */
  readonly severity: 'ERROR' | 'FATAL';
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
    when: 'A session waited for a database connection longer than ConnectionBorrowTimeout.',
    message:
      'timed out waiting for a database connection: pool {pool} has {size} of {limit} connections, {queue} sessions wait, this one waited {waited} ms',
    hint: 'Raise PoolSize or ConnectionBorrowTimeout, or shorten the transactions that hold the connections.',
  },
  DATABASE_CONNECTION_LOST: {
    sqlstate: '08006',
    severity: 'ERROR',
    source: 'database',
    retryable: false,
    when: 'The database connection that ran the statement ended before its answer was complete.',
    message:
      'the database connection was lost while the statement ran ({reason}); it is unknown whether it took effect',
    hint: 'Check the effect of the statement before it is run again.',
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
    message: 'terminating the client connection: nothing was sent for IdleClientTimeout ({seconds} s)',
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
    message: 'terminating the client connection: the statement ran longer than QueryTimeout ({seconds} s)',
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
  PROTOCOL_VIOLATION: {
    sqlstate: '08P01',
    severity: 'FATAL',
    source: 'client',
    retryable: false,
    when: 'A client sent bytes that are not the PostgreSQL protocol.',
    message: 'protocol violation: {what}',
  },
  POISONED: {
    sqlstate: '08P01',
    severity: 'FATAL',
    source: 'database',
    retryable: false,
    when: 'The database sent something that nobody was owed; its connection was closed rather than trusted.',
    message: 'unexpected answer from the database: {what}; the database connection was closed',
  },
} as const satisfies Record<string, ErrorKind>;

/** The code of an error that Sluice itself gives. */
export type ErrorCode = keyof typeof errorKinds;

/** An error as the fields of an ErrorResponse. */
interface WireFields {
  readonly severity: 'ERROR' | 'FATAL';
  readonly sqlstate: string;
  readonly message: string;
  readonly hint?: string;
}

/** An error that Sluice gives to a client or to an operator. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly code: ErrorCode;
  readonly sqlstate: string;
  readonly severity: 'ERROR' | 'FATAL';
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
      kind.message.replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place)),
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
    return hint === undefined ? { severity, sqlstate, message } : { severity, sqlstate, message, hint };
  }
}
