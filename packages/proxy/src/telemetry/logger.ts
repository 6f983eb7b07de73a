import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import pretty from 'pino-pretty';
import { events } from './events.ts';

/** How the log is written. */
export interface LogOptions {
  readonly level: string;
  /** `auto` is pretty on a terminal and JSON elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** Adds the shape of each statement, its literals replaced. */
  readonly debug: boolean;
}

/** Makes the log. It goes to standard error, so that standard output belongs to the command. */
export function createLogger(options: LogOptions): Logger {
  const usePretty =
    options.format === 'pretty' || (options.format === 'auto' && process.stderr.isTTY);
  const destination: DestinationStream = usePretty
    ? pretty({ destination: 2, sync: true, ignore: 'pid,hostname', colorize: process.stderr.isTTY })
    : pino.destination({ dest: 2, sync: false });
  return pino(
    {
      level: options.debug ? 'debug' : options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    destination,
  );
}

/** What an event's line looks like. */
interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
}

/** The line of each event. The payload's fields stand beside it; `client` and `connection` tie a story together. */
const lines: Partial<Record<keyof typeof events, Line>> = {
  clientConnected: { level: 'debug', message: 'client connected' },
  clientLoggedIn: { level: 'info', message: 'client logged in' },
  clientLoginFailed: { level: 'warn', message: 'client login failed' },
  clientClosed: { level: 'info', message: 'client connection closed' },
  sessionPinned: { level: 'warn', message: 'session pinned to its database connection' },
  sessionUnpinned: { level: 'info', message: 'session unpinned: its state is gone' },
  hiddenStateFound: {
    level: 'warn',
    message: 'a statement changed its session in a way that its text does not show',
  },
  storedCodeUnread: {
    level: 'warn',
    message:
      'the functions of the database could not be read: what they leave in sessions is looked for only now and then',
  },
  sequencesAsked: {
    level: 'warn',
    message:
      'an application uses currval() or lastval(): its sessions are pinned from now on once they have drawn from a sequence',
  },
  listeningLost: {
    level: 'warn',
    message: 'listening connection lost: notifications may be missed until it is back',
  },
  listeningResumed: { level: 'warn', message: 'listening again; notifications may be missed' },
  listeningFailed: { level: 'error', message: 'listening connection could not be opened' },
  cancelRequested: { level: 'debug', message: 'cancel requested' },
  databaseConnectionOpened: { level: 'info', message: 'database connection opened' },
  databaseConnectionClosed: { level: 'info', message: 'database connection closed' },
  databaseConnectFailed: { level: 'error', message: 'database connection failed' },
  targetStateChanged: { level: 'info', message: 'target state changed' },
  writerDoubted: { level: 'info', message: 'the writer is checked' },
  writerLost: { level: 'warn', message: 'the writer is lost: clients are held' },
  writerFound: { level: 'info', message: 'the writer is found: clients are served' },
  firstStatementServed: { level: 'info', message: 'first statement served by the new writer' },
  readersChanged: { level: 'info', message: 'other targets take reads' },
  targetsNotListed: {
    level: 'error',
    message: 'targets not listed by the RDS API, those known before stay',
  },
  targetDrained: { level: 'warn', message: 'target is drained: it is left as transactions end' },
  targetUndrained: { level: 'warn', message: 'target is lent again' },
  paused: { level: 'warn', message: 'paused: clients are held' },
  resumed: { level: 'warn', message: 'resumed' },
  statement: { level: 'debug', message: 'statement' },
  settingsReloaded: { level: 'info', message: 'settings reloaded' },
  secretsChanged: { level: 'info', message: 'passwords in secrets have changed' },
  secretsFailed: { level: 'error', message: 'secrets not read again, those known before stay' },
  acceptFailed: { level: 'error', message: 'a client connection could not be accepted' },
  draining: { level: 'info', message: 'draining' },
};

/** Writes events to the log, statements only when asked to, until the returned function is called. */
export function logEvents(logger: Logger, statements: boolean): () => void {
  const stops: (() => void)[] = [];
  for (const [name, line] of Object.entries(lines) as [keyof typeof events, Line][]) {
    if (!logger.isLevelEnabled(line.level) || (name === 'statement' && !statements)) continue;
    const write = (payload: unknown): void => logger[line.level](payload, line.message);
    events[name].subscribe(write);
    stops.push(() => events[name].unsubscribe(write));
  }
  return () => {
    for (const stop of stops) stop();
  };
}
