/** The reasons for which a session keeps its lease beyond the transaction. Metrics and logs use these names. */
export const PinReason = {
  Parameters: 'parameters_unreadable',
  SqlPrepare: 'sql_prepare',
  Listen: 'listen',
  TemporaryObject: 'temporary_object',
  AdvisoryLock: 'advisory_lock',
  HoldableCursor: 'cursor_with_hold',
  Load: 'load',
  SequenceState: 'sequence_state',
  OtherState: 'other_state',
  FunctionCall: 'function_call',
  LongStatement: 'long_statement',
  UnprovenCode: 'unproven_code',
} as const;

export type PinReason = (typeof PinReason)[keyof typeof PinReason];

/** The explanation of a reason, for users. */
export interface PinDescription {
  /** Why the session is pinned. */
  readonly because: string;
  /** How to avoid the pin. */
  readonly instead: string;
  /** DISCARD ALL removes the state, so the connection can be reused after the session. */
  readonly resettable: boolean;
}

/** Used for the table in docs/pinning.md, for the notices of `PinNotice`, and when a pinned session ends. */
export const pinDescriptions: Readonly<Record<PinReason, PinDescription>> = {
  [PinReason.Parameters]: {
    because: 'the proxy could not read the parameters of the session from the database',
    instead: 'Look in the log of the database for the error of the statement that reads them.',
    resettable: true,
  },
  [PinReason.SqlPrepare]: {
    because:
      'a function or DO block ran PREPARE, the text of a prepared statement now has another meaning, or its name has non-ASCII characters',
    instead:
      'Prepare statements over the protocol, as drivers do, under ASCII names, or DEALLOCATE unused ones.',
    resettable: true,
  },
  [PinReason.Listen]: {
    because:
      'the session ran LISTEN, and the proxy cannot listen for it: no server connection is available, or client_encoding differs from the encoding of the database',
    instead:
      'Raise MaxConnectionsPercent so that a server connection is available, or use the encoding of the database.',
    resettable: true,
  },
  [PinReason.TemporaryObject]: {
    because: 'the session has a temporary table, view, sequence, function or type',
    instead: 'Use ON COMMIT DROP, or DROP the object after use.',
    resettable: true,
  },
  [PinReason.AdvisoryLock]: {
    because: 'the session holds a session-level advisory lock',
    instead: 'Use pg_advisory_xact_lock(), or release the lock after use.',
    resettable: true,
  },
  [PinReason.HoldableCursor]: {
    because: 'the session has a cursor WITH HOLD',
    instead: 'Use a cursor within a transaction, or CLOSE the cursor after use.',
    resettable: true,
  },
  [PinReason.Load]: {
    because: 'the session loaded a library with LOAD',
    instead:
      'Load the library in all sessions, with session_preload_libraries or shared_preload_libraries.',
    resettable: false,
  },
  [PinReason.SequenceState]: {
    because:
      'the session called nextval() or setval(), and the application uses currval() or lastval()',
    instead: 'Use INSERT … RETURNING, or run DISCARD SEQUENCES after use.',
    resettable: true,
  },
  [PinReason.OtherState]: {
    because: 'the statement leaves state in the server process that no catalog shows',
    instead: 'Run it on a separate connection, directly to the database.',
    resettable: false,
  },
  [PinReason.FunctionCall]: {
    because: 'a FunctionCall message called a function whose side effects are unknown',
    instead: 'Call the function with SELECT.',
    resettable: false,
  },
  [PinReason.LongStatement]: {
    because: 'the statement is longer than MaxBufferedMessage, so the proxy did not analyze it',
    instead: 'Pass long values as parameters, use COPY, or raise MaxBufferedMessage.',
    resettable: false,
  },
  [PinReason.UnprovenCode]: {
    because:
      'the session ran code whose side effects a reset might not remove: an unknown C function, a language other than SQL and PL/pgSQL, or dynamic SQL in a database with such functions',
    instead:
      'Write the code in SQL or PL/pgSQL without EXECUTE, run it on a separate connection, or set UnprovenCode.',
    resettable: false,
  },
};
