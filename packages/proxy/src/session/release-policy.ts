/** What a session does when all is answered and no transaction is open. */
export const Release = {
  /** It lets go of its lease. */
  Let: 0,
  /** It keeps its lease for now: something will end that, or the session is pinned. */
  Stay: 1,
  /** It keeps its lease until somebody else needs the connection. */
  Linger: 2,
  /** The statements that ran are judged by what is known of the database's code; then it is asked again. */
  Judge: 3,
  /** The database is asked what code it has, to judge the statements that ran. */
  ReadStoredCode: 4,
  /** The connection is probed for what the session has left. */
  Probe: 5,
  /** What the session listens to is found out and taken over; then it is asked again. */
  SettleListening: 6,
  /** The database is asked whether the session may ask for values of sequences. */
  AskSequences: 7,
  /** What was LISTENed to for the session is given up on the connection. */
  Unlisten: 8,
} as const;
export type Release = (typeof Release)[keyof typeof Release];

/** A session that might let go of its lease. */
export interface Releasable {
  /** Its statements prepare something on others, or part of a message has been sent. */
  readonly isKept: boolean;
  /** Statements ran that are not judged yet. */
  readonly hasUnjudged: boolean;
  /** The database can be asked what code it has, or is being asked. */
  readonly canReadCode: boolean;
  readonly wantsProbe: boolean;
  /** Whether it is worth keeping the connection, as long as nobody needs it. */
  readonly lingers: boolean;
  /** Whether it listens at all. */
  readonly listens: boolean;
  readonly wantsSequences: boolean;
  readonly isPinned: boolean;
  /** The connection LISTENs for the session, and no reset follows. */
  readonly mustUnlisten: boolean;
}

/**
 * What has to be done next so that the session lets go of its lease. Sends nothing itself. `isListeningSettled`: what
 * the session listens to was settled in this turn.
 */
export function nextRelease(session: Releasable, isListeningSettled = false): Release {
  if (!isListeningSettled) {
    if (session.isKept) return Release.Stay;
    if (session.lingers) return Release.Linger;
    if (session.hasUnjudged) return session.canReadCode ? Release.ReadStoredCode : Release.Judge;
    if (session.wantsProbe) return Release.Probe;
    if (session.listens) return Release.SettleListening;
  }
  if (session.wantsSequences) return Release.AskSequences;
  if (session.isPinned) return Release.Stay;
  return session.mustUnlisten ? Release.Unlisten : Release.Let;
}

/** What decides whether a session lingers on its connection. */
export interface Lingering {
  readonly isPinned: boolean;
  /** It was told to move on. */
  readonly movesOn: boolean;
  /** Statements ran that may have left something. */
  readonly mayHaveLeft: boolean;
  /** One of them certainly has. */
  readonly isCertain: boolean;
  readonly parametersDirty: boolean;
  readonly listens: boolean;
}

/**
 * Whether the session keeps its connection until somebody else needs it: only then is it worth finding out what its
 * statements may have left.
 */
export function wouldLinger(session: Lingering): boolean {
  return (
    session.mayHaveLeft &&
    !session.isCertain &&
    !session.isPinned &&
    !session.movesOn &&
    !session.parametersDirty &&
    !session.listens
  );
}
