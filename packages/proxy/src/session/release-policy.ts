import { distinct } from '../distinct.ts';
import type { Distinct } from '../distinct.ts';

/** What a session does when all its cycles are answered and no transaction is open. */
export const Release = distinct<'Release'>()({
  /** Return the connection. */
  Let: 0,
  /** Keep the lease: another event will end it, or the session is pinned. */
  Stay: 1,
  /** Keep the lease until another session needs the connection. */
  Linger: 2,
  /** Read back the parameters that the session has set; then decide again. */
  ReadBack: 3,
  /** Check the statements that ran against the known code of the database; then decide again. */
  Judge: 4,
  /** Read the code of the database, to check the statements that ran. */
  ReadStoredCode: 5,
  /** Probe the connection for state of the session. */
  Probe: 6,
  /** Determine which channels the session listens to, and take them over; then decide again. */
  SettleListening: 7,
  /** Ask the database whether the session can call currval() and lastval(). */
  CheckSequences: 8,
  /** UNLISTEN on the connection. */
  Unlisten: 9,
});
export type Release = Distinct<'Release'>;

/** A session that may return its connection. */
export interface Releasable {
  /** Its statements are affecting others, or part of a message has been sent. */
  readonly isKept: boolean;
  /** Statements have run that are not checked yet. */
  readonly hasUnchecked: boolean;
  /** The code of the database can be read, or is being read. */
  readonly canReadCode: boolean;
  readonly wantsProbe: boolean;
  /** Whether the session should keep the connection while no other session needs it. */
  readonly lingers: boolean;
  /** It may have set parameters that are not read back yet. */
  readonly parametersDirty: boolean;
  /** Whether it listens. */
  readonly listens: boolean;
  readonly mustCheckSequences: boolean;
  readonly isPinned: boolean;
  /** The pin lasts until the session ends, and then the connection is closed: no other session gets it. */
  readonly staysPinned: boolean;
  /** The connection has LISTEN for the session, and no reset follows. */
  readonly mustUnlisten: boolean;
}

/**
 * The next step towards the end of the lease. It sends nothing. `isListeningSettled`: the listening of the session was
 * settled in this turn.
 */
export function nextRelease(session: Releasable, isListeningSettled = false): Release {
  if (!isListeningSettled) {
    if (session.isKept) return Release.Stay;
    // The session needs its parameters if it loses the connection.
    if (session.lingers) return session.parametersDirty ? Release.ReadBack : Release.Linger;
    if (session.hasUnchecked && !session.staysPinned)
      return session.canReadCode ? Release.ReadStoredCode : Release.Judge;
    if (session.wantsProbe) return Release.Probe;
    if (session.listens) return Release.SettleListening;
  }
  if (session.mustCheckSequences) return Release.CheckSequences;
  if (session.isPinned) return Release.Stay;
  return session.mustUnlisten ? Release.Unlisten : Release.Let;
}

/** The inputs for the decision whether a session lingers on its connection. */
export interface Lingering {
  readonly isPinned: boolean;
  /** It was asked to return the connection. */
  readonly movesOn: boolean;
  /** Statements have run that may have side effects. */
  readonly mayHaveLeft: boolean;
  /** One of them certainly has. */
  readonly isCertain: boolean;
  /** Parameters have changed that no statement shows. */
  readonly parametersSuspected: boolean;
  readonly listens: boolean;
}

/**
 * Whether the session keeps its connection until another session needs it. Only then does the proxy have to determine
 * the side effects of its statements.
 */
export function wouldLinger(session: Lingering): boolean {
  return (
    session.mayHaveLeft &&
    !session.isCertain &&
    !session.parametersSuspected &&
    !session.isPinned &&
    !session.movesOn &&
    !session.listens
  );
}
