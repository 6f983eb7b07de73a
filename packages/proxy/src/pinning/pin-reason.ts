import { Flag } from '../sql/index.ts';
import type { Effects } from '../sql/index.ts';

/** Why a session keeps its lease beyond the transaction: a closed list, counted and logged by these names. */
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

/** What a reason means to a user. */
export interface PinDescription {
  /** What keeps the session on its connection. */
  readonly because: string;
  /** What would avoid the pin. */
  readonly instead: string;
  /** DISCARD ALL undoes it, so that the connection can be used again after the session. */
  readonly resettable: boolean;
}

/** What each reason means. The table in docs/pinning.md, the notice of `PinNotice` and the end of a pin come from here. */
export const pinDescriptions: Readonly<Record<PinReason, PinDescription>> = {
  [PinReason.Parameters]: {
    because: 'the database did not tell which parameters the session has set',
    instead: 'See in the log of the database why the statement that asks for them failed.',
    resettable: true,
  },
  [PinReason.SqlPrepare]: {
    because: 'a function or block ran PREPARE, or its text means something else by now',
    instead: 'Prepare over the protocol, as drivers do, or DEALLOCATE what is not needed any more.',
    resettable: true,
  },
  [PinReason.Listen]: {
    because:
      'LISTEN, and no connection can listen for the session: none is left or can be opened, or its client_encoding is not that of the database',
    instead:
      'Leave the proxy a server connection for it (MaxConnectionsPercent), or use the encoding of the database.',
    resettable: true,
  },
  [PinReason.TemporaryObject]: {
    because: 'a temporary table, view, sequence, function or type',
    instead: 'Use ON COMMIT DROP, or DROP it when it is not needed any more.',
    resettable: true,
  },
  [PinReason.AdvisoryLock]: {
    because: 'an advisory lock that outlives its transaction',
    instead: 'Use pg_advisory_xact_lock(), or unlock it when it is not needed any more.',
    resettable: true,
  },
  [PinReason.HoldableCursor]: {
    because: 'a cursor WITH HOLD',
    instead: 'Use a cursor within a transaction, or CLOSE it when it is not needed any more.',
    resettable: true,
  },
  [PinReason.Load]: {
    because: 'LOAD brought a library into the backend process',
    instead: 'Load it for all with session_preload_libraries or shared_preload_libraries.',
    resettable: false,
  },
  [PinReason.SequenceState]: {
    because: 'a value was drawn from a sequence, and the application uses currval() or lastval()',
    instead: 'Use INSERT … RETURNING, or DISCARD SEQUENCES when the value is not needed any more.',
    resettable: true,
  },
  [PinReason.OtherState]: {
    because: 'the statement leaves state in the backend process that nothing shows',
    instead: 'Do it on a connection of its own.',
    resettable: false,
  },
  [PinReason.FunctionCall]: {
    because: 'a FunctionCall message calls a function that may leave anything behind',
    instead: 'Call the function with SELECT.',
    resettable: false,
  },
  [PinReason.LongStatement]: {
    because: 'a statement longer than MaxBufferedMessage was not read',
    instead: 'Give long values as parameters, use COPY, or raise MaxBufferedMessage.',
    resettable: false,
  },
  [PinReason.UnprovenCode]: {
    because:
      'code ran that may leave what no reset removes: a C function that is not known, another language than SQL and PL/pgSQL, or dynamic SQL in a database with such functions',
    instead:
      'Write it in SQL or PL/pgSQL without EXECUTE, run it on a connection of its own, or set UnprovenCode.',
    resettable: false,
  },
};

/** The flags that pin, the weightiest first. */
const pinning: readonly (readonly [flag: number, reason: PinReason])[] = [
  [Flag.Load, PinReason.Load],
  [Flag.OtherState, PinReason.OtherState],
  [Flag.TemporaryObject, PinReason.TemporaryObject],
  [Flag.AdvisoryLock, PinReason.AdvisoryLock],
  [Flag.HoldableCursor, PinReason.HoldableCursor],
];

const anyPin = pinning.reduce((all, [flag]) => all | flag, 0);

/** Why a session that runs this must keep its connection, or null when nothing it does stays behind. */
export function pinReasonOf(effects: Effects): PinReason | null {
  // What a text did that cannot be read, a probe afterwards finds.
  if ((effects.flags & Flag.Opaque) !== 0) return null;
  // What a text PREPAREs in plain sight is tracked; what a function or block does is not known by name.
  if ((effects.flags & Flag.Prepare) !== 0 && !showsPrepare(effects)) return PinReason.SqlPrepare;
  if ((effects.flags & anyPin) === 0) return null;
  for (const [flag, reason] of pinning) if ((effects.flags & flag) !== 0) return reason;
  return null;
}

function showsPrepare({ flags, details }: Effects): boolean {
  return (
    (flags & (Flag.Do | Flag.UnknownFunction)) === 0 &&
    details.some(({ kind }) => kind === 'prepare')
  );
}
