import type { PinReason } from '../pinning/pin-reason.ts';
import type { TargetState, UnavailableReason } from '../targets/target-state.ts';

/**
 * The payload of each event. `client` and `connection` are numbers that correlate events. No field contains a secret, a
 * parameter value, or a literal of a statement.
 */
export interface EventPayloads {
  /** A client has opened a connection. */
  readonly clientConnected: {
    readonly client: number;
    readonly endpoint: string;
    readonly address: string | undefined;
    readonly port: number | undefined;
  };
  /** A client has logged in. */
  readonly clientLoggedIn: {
    readonly client: number;
    readonly user: string;
    readonly database: string;
    readonly application: string;
    readonly tls: boolean;
  };
  /** A client was refused. */
  readonly clientLoginFailed: {
    readonly client: number;
    readonly sqlstate: string;
    readonly message: string;
    readonly user?: string;
    readonly database?: string;
    readonly address?: string | undefined;
    readonly method?: string;
    /** The reason, which the client does not get. */
    readonly why?: string;
  };
  /** A client connection was closed. */
  readonly clientClosed: { readonly client: number; readonly reason: string };
  /** A session was pinned to its server connection. */
  readonly sessionPinned: {
    readonly client: number;
    readonly connection: number | undefined;
    readonly reason: PinReason;
    /** The normalized query that caused the pin; empty if none did. */
    readonly statement: string;
    readonly application: string;
    /** The session state that the statement affects, for the log. The format may change. */
    readonly touches: unknown;
  };
  /** A session was unpinned. */
  readonly sessionUnpinned: {
    readonly client: number;
    readonly connection: number | undefined;
    readonly reason: PinReason;
    readonly seconds: number;
  };
  /** The proxy found session state that the text of the statements did not show. */
  readonly hiddenStateFound: {
    readonly client: number;
    readonly what: string;
    readonly statements: readonly string[];
    readonly application: string;
  };
  /** An unexpected exception was caught. */
  readonly faultCaught: { readonly where: string; readonly stack: string };
  /** A session exceeded a limit. The proxy closes its client connection. */
  readonly sessionLimitExceeded: {
    readonly client: number;
    readonly setting: string;
    readonly limit: number;
  };
  /** Memory use is above MaxMemory, in bytes. The proxy refuses new work. */
  readonly memoryLimitExceeded: { readonly held: number; readonly limit: number };
  /** Memory use is below MaxMemory again. */
  readonly memoryBelowLimit: { readonly held: number; readonly limit: number };
  /** The event loop was blocked, by a lack of CPU time or by one long task. */
  readonly stalled: { readonly milliseconds: number };
  /** The name of a target cannot be resolved. The proxy uses the last known addresses. */
  readonly nameUnresolved: {
    readonly name: string;
    readonly message: string;
    readonly addresses: readonly string[];
  };
  /** The name of a target resolves again. */
  readonly nameResolved: { readonly name: string; readonly addresses: readonly string[] };
  /** The proxy could not read the functions of a database. */
  readonly storedCodeUnread: { readonly error: string };
  /** Sessions of a pool use more names of custom parameters than the proxy remembers, for the first time. */
  readonly customNamesForgotten: {
    readonly database: string;
    readonly user: string;
    readonly limit: number;
  };
  /** An application called currval() or lastval(). */
  readonly sequenceReaderFound: {
    readonly client: number;
    readonly application: string;
    readonly statement: string;
  };
  /** The proxy lost the listening connection of a database. */
  readonly listeningLost: {
    readonly database: string;
    readonly sessions: number;
    readonly channels: number;
    readonly message: string;
  };
  /** The proxy listens again. `seconds` is the length of the gap. */
  readonly listeningResumed: {
    readonly database: string;
    readonly seconds: number;
    readonly sessions: number;
  };
  /** The listening connection could not be opened. */
  readonly listeningFailed: {
    readonly database: string;
    readonly user: string;
    readonly message: string;
  };
  /** A cancel request arrived. `client` is null if its key matches no client. */
  readonly cancelRequested: { readonly client: number | null };
  readonly serverConnectionOpened: ConnectionEvent;
  readonly serverConnectionClosed: ConnectionEvent;
  /** A server connection could not be opened. */
  readonly serverConnectFailed: {
    readonly target: string;
    readonly pool: string;
    readonly sqlstate: string;
    readonly message: string;
    /** Retrying cannot succeed. */
    readonly final: boolean;
  };
  /** Settings that PostgreSQL applies at login have changed. New clients get new server connections. */
  readonly loginFactsChanged: { readonly pool: string; readonly settings: readonly string[] };
  /** The health check changed the state of a target. */
  readonly targetStateChanged: {
    readonly target: string;
    readonly state: TargetState;
    readonly reason: UnavailableReason | null;
    readonly message: string;
  };
  /** Traffic signaled a failure of the writer. The proxy checks it immediately. */
  readonly writerSuspected: { readonly target: string; readonly failureSignal: string };
  /** The writer is lost: clients wait. */
  readonly writerLost: {
    readonly target: string;
    readonly why: string;
    readonly failureSignal: string | null;
  };
  /** The proxy found the writer. `afterMs` is null if no writer was lost before. */
  readonly writerFound: {
    readonly target: string;
    readonly waiting: number;
    readonly afterMs: number | null;
  };
  /** The new writer sent its first response to a client. */
  readonly firstStatementServed: { readonly target: string | null; readonly afterMs: number };
  /** The set of targets that serve reads has changed. */
  readonly readersChanged: { readonly targets: readonly string[] };
  /** The RDS API did not list the targets. */
  readonly targetsNotListed: { readonly why: string };
  /** A target is drained for planned work. */
  readonly targetDrained: { readonly target: string };
  /** Its drain is over. */
  readonly targetUndrained: { readonly target: string };
  /** The proxy was paused. All clients wait. */
  readonly paused: Readonly<Record<string, never>>;
  /** The proxy was resumed. */
  readonly resumed: Readonly<Record<string, never>>;
  /** The proxy sends a statement to the database. */
  readonly statement: {
    readonly client: number;
    readonly connection: number | undefined;
    readonly normalizedQuery: string;
    /**
     * With Interleaving: why its cycle runs on an exclusive lease; undefined if it is shared. See docs/interleaving.md.
     */
    readonly whyAlone: string | undefined;
  };
  /** Settings were reloaded. */
  readonly settingsReloaded: {
    readonly applied: readonly string[];
    readonly refused: readonly { readonly setting: string; readonly reason: string }[];
  };
  /** Passwords in secrets have changed. */
  readonly secretsChanged: { readonly users: readonly string[] };
  /** The proxy could not reread the secrets. */
  readonly secretsFailed: { readonly why: string };
  /** The proxy has not been able to read some secrets since the start. It is not ready. */
  readonly secretsUnread: { readonly why: readonly string[] };
  /** AuthQuery failed. */
  readonly authQueryFailed: { readonly why: string };
  /** An authentication rule is not supported, or is insecure. */
  readonly authRuleWarning: { readonly warning: string };
  /** The proxy refuses clients because few file descriptors are left. */
  readonly descriptorsUsedUp: { readonly used: number; readonly limit: number };
  /** A client connection could not be accepted. */
  readonly acceptFailed: { readonly endpoint: string; readonly message: string };
  /** The proxy is shutting down and accepts no new clients. */
  readonly draining: { readonly clients: number };
}

/** A server connection was opened or closed. */
export interface ConnectionEvent {
  readonly target: string;
  readonly pool: string;
  readonly connection: number;
  readonly why: string;
}

/** The name of an event. */
export type EventName = keyof EventPayloads;
