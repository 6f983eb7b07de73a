import type { PinReason } from '../pinning/pin-reason.ts';
import type { TargetState, UnavailableReason } from '../targets/target-state.ts';

/**
 * What each event tells. `client` and `connection` are numbers that tie a story together; no field holds a secret, a
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
    /** What the client is not told: why. */
    readonly why?: string;
  };
  /** A client connection has ended. */
  readonly clientClosed: { readonly client: number; readonly reason: string };
  /** A session keeps its server connection beyond the transaction. */
  readonly sessionPinned: {
    readonly client: number;
    readonly connection: number | undefined;
    readonly reason: PinReason;
    /** The statement that did it, its literals replaced; empty where none did. */
    readonly statement: string;
    readonly application: string;
    /** What of the session the statement touches, for the log; its form may change. */
    readonly touches: unknown;
  };
  /** A session gives its server connection back again. */
  readonly sessionUnpinned: {
    readonly client: number;
    readonly connection: number | undefined;
    readonly reason: PinReason;
    readonly seconds: number;
  };
  /** A session was found changed by statements whose text does not show it. */
  readonly hiddenStateFound: {
    readonly client: number;
    readonly what: string;
    readonly statements: readonly string[];
    readonly application: string;
  };
  /** Something was thrown that no code foresaw. */
  readonly faultCaught: { readonly where: string; readonly stack: string };
  /** More is kept for a session than a setting allows: its client loses its connection. */
  readonly sessionLimitPassed: {
    readonly client: number;
    readonly setting: string;
    readonly limit: number;
  };
  /** The process holds more memory than it may, in bytes: no new work is taken. */
  readonly memoryShort: { readonly held: number; readonly limit: number };
  /** It holds less again. */
  readonly memoryEnough: { readonly held: number; readonly limit: number };
  /** The process did nothing for a while: it did not get the CPU, or one piece of work took so long. */
  readonly stalled: { readonly milliseconds: number };
  /** A name of a target cannot be resolved; the addresses that it last had are used. */
  readonly nameUnresolved: {
    readonly name: string;
    readonly message: string;
    readonly addresses: readonly string[];
  };
  /** It can be again. */
  readonly nameResolved: { readonly name: string; readonly addresses: readonly string[] };
  /** The functions of a database could not be read. */
  readonly storedCodeUnread: { readonly error: string };
  /** An application asks for what a sequence gave it. */
  readonly sequencesAsked: {
    readonly client: number;
    readonly application: string;
    readonly statement: string;
  };
  /** The connection that listens for the sessions of a database is lost. */
  readonly listeningLost: {
    readonly database: string;
    readonly sessions: number;
    readonly channels: number;
    readonly message: string;
  };
  /** It is back; `seconds` is how long nobody listened. */
  readonly listeningResumed: {
    readonly database: string;
    readonly seconds: number;
    readonly sessions: number;
  };
  /** It could not be opened. */
  readonly listeningFailed: {
    readonly database: string;
    readonly user: string;
    readonly message: string;
  };
  /** A cancel request has come; `client` is null when its key fits nobody. */
  readonly cancelRequested: { readonly client: number | null };
  readonly serverConnectionOpened: ConnectionEvent;
  readonly serverConnectionClosed: ConnectionEvent;
  /** A server connection could not be opened. */
  readonly serverConnectFailed: {
    readonly target: string;
    readonly pool: string;
    readonly sqlstate: string;
    readonly message: string;
    /** It is no use to try again. */
    readonly final: boolean;
  };
  /** What PostgreSQL decides at login has changed, by the names of settings: new clients get new connections. */
  readonly loginFactsChanged: { readonly pool: string; readonly settings: readonly string[] };
  /** The health check judges a target otherwise than before. */
  readonly targetStateChanged: {
    readonly target: string;
    readonly state: TargetState;
    readonly reason: UnavailableReason | null;
    readonly message: string;
  };
  /** Something in traffic speaks against the writer: it is checked at once. */
  readonly writerSuspected: { readonly target: string; readonly failureSignal: string };
  /** The writer is lost: clients wait. */
  readonly writerLost: {
    readonly target: string;
    readonly why: string;
    readonly failureSignal: string | null;
  };
  /** There is a writer: clients are served. `afterMs` is null when none was lost before. */
  readonly writerFound: {
    readonly target: string;
    readonly waiting: number;
    readonly afterMs: number | null;
  };
  /** The new writer has answered a client. */
  readonly firstStatementServed: { readonly target: string | null; readonly afterMs: number };
  /** Other targets take reads. */
  readonly readersChanged: { readonly targets: readonly string[] };
  /** The RDS API could not be asked for targets. */
  readonly targetsNotListed: { readonly why: string };
  /** A target is drained for planned work. */
  readonly targetDrained: { readonly target: string };
  /** Its drain is over. */
  readonly targetUndrained: { readonly target: string };
  /** All clients wait. */
  readonly paused: Readonly<Record<string, never>>;
  /** They are served again. */
  readonly resumed: Readonly<Record<string, never>>;
  /** A statement is sent to the database; `normalizedQuery` is its text, its literals replaced. */
  readonly statement: {
    readonly client: number;
    readonly connection: number | undefined;
    readonly normalizedQuery: string;
  };
  /** Settings were reloaded. */
  readonly settingsReloaded: {
    readonly applied: readonly string[];
    readonly refused: readonly { readonly setting: string; readonly reason: string }[];
  };
  /** Passwords in secrets have changed. */
  readonly secretsChanged: { readonly users: readonly string[] };
  /** Secrets could not be read again. */
  readonly secretsFailed: { readonly why: string };
  /** Secrets were never read, so their users are missing: the proxy is not ready. */
  readonly secretsUnread: { readonly why: readonly string[] };
  /** AuthQuery could not be answered. */
  readonly authQueryFailed: { readonly why: string };
  /** What a rule about clients says cannot be honoured. */
  readonly authRuleWarning: { readonly warning: string };
  /** Clients are turned away, since descriptors are nearly used up. */
  readonly descriptorsUsedUp: { readonly used: number; readonly limit: number };
  /** A client connection could not be accepted. */
  readonly acceptFailed: { readonly endpoint: string; readonly message: string };
  /** The proxy ends: it takes no new clients. */
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
