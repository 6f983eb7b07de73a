import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { events } from './events.ts';
import { LogWriter, openStandardError } from './log-writer.ts';

/** How the log is written. */
export interface LogOptions {
  readonly level: string;
  /** `auto` is pretty on a terminal and JSON elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** Adds each statement, normalized. */
  readonly debug: boolean;
}

let shared: LogWriter | null = null;

/** The one writer of the process: a log that is made anew goes on where the last one was. */
function standardError(): LogWriter {
  shared ??= new LogWriter(openStandardError(), (lines) => {
    const msg = `${lines} lines of the log were lost: they could not be written`;
    return `${JSON.stringify({ level: 40, time: new Date().toISOString(), msg })}\n`;
  });
  return shared;
}

/** Resolves when the log is written as far as it was said. */
export function logFlushed(): Promise<void> {
  return shared?.flushed() ?? Promise.resolve();
}

/** Makes the log. It goes to standard error, so that standard output belongs to the command. */
export function createLogger(options: LogOptions): Logger {
  const usePretty =
    options.format === 'pretty' || (options.format === 'auto' && process.stderr.isTTY);
  const writer = standardError();
  const prettify = prettyFactory({ ignore: 'pid,hostname', colorize: process.stderr.isTTY });
  const destination: DestinationStream = usePretty
    ? { write: (line) => writer.write(prettify(line) ?? '') }
    : writer;
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

/** The line of each event. The payload's fields stand beside it; `client` and `connection` tie lines together. */
const lines: Partial<Record<keyof typeof events, Line>> = {
  clientConnected: { level: 'debug', message: 'client connected' },
  clientLoggedIn: { level: 'info', message: 'client logged in' },
  clientLoginFailed: { level: 'warn', message: 'client login failed' },
  clientClosed: { level: 'info', message: 'client connection closed' },
  sessionPinned: { level: 'warn', message: 'session pinned to its server connection' },
  sessionUnpinned: { level: 'info', message: 'session unpinned: its state is gone' },
  hiddenStateFound: {
    level: 'warn',
    message: 'a statement changed its session in a way that its text does not show',
  },
  storedCodeUnread: {
    level: 'warn',
    message:
      'the functions of the database could not be read: their side effects are probed for only now and then',
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
  serverConnectionOpened: { level: 'info', message: 'server connection opened' },
  serverConnectionClosed: { level: 'info', message: 'server connection closed' },
  serverConnectFailed: { level: 'error', message: 'server connection failed' },
  loginFactsChanged: {
    level: 'info',
    message: 'what PostgreSQL decides at login has changed: new clients get new server connections',
  },
  targetStateChanged: { level: 'info', message: 'target state changed' },
  writerSuspected: { level: 'info', message: 'the writer is checked' },
  writerLost: { level: 'warn', message: 'the writer is lost: clients wait' },
  writerFound: { level: 'info', message: 'the writer is found: clients are served' },
  firstStatementServed: { level: 'info', message: 'first statement served by the new writer' },
  readersChanged: { level: 'info', message: 'other targets take reads' },
  targetsNotListed: {
    level: 'error',
    message: 'targets not listed by the RDS API, those known before stay',
  },
  targetDrained: { level: 'warn', message: 'target is drained: it is left as transactions end' },
  targetUndrained: { level: 'warn', message: 'target is used again' },
  paused: { level: 'warn', message: 'paused: clients wait' },
  resumed: { level: 'warn', message: 'resumed' },
  statement: { level: 'debug', message: 'statement' },
  settingsReloaded: { level: 'info', message: 'settings reloaded' },
  secretsChanged: { level: 'info', message: 'passwords in secrets have changed' },
  secretsFailed: { level: 'warn', message: 'secrets not read again, those known before stay' },
  secretsUnread: {
    level: 'error',
    message:
      'secrets could not be read: their users cannot log in, and the proxy is not ready; it keeps trying',
  },
  authQueryFailed: { level: 'error', message: 'AuthQuery could not be answered' },
  authRuleWarning: { level: 'warn', message: 'a rule about clients' },
  descriptorsUsedUp: {
    level: 'error',
    message:
      'descriptors are nearly used up: clients are turned away until there are more; raise the limit (ulimit -n, LimitNOFILE)',
  },
  sessionLimitPassed: {
    level: 'warn',
    message: 'a session has gone past a limit: its client connection is closed',
  },
  memoryShort: {
    level: 'error',
    message:
      'the process holds more memory than MaxMemory: no new work is taken until it holds less',
  },
  memoryEnough: {
    level: 'warn',
    message: 'the process holds less memory again: new work is taken',
  },
  stalled: {
    level: 'warn',
    message: 'the process stood still: it did not get the CPU, or one piece of work took so long',
  },
  nameUnresolved: {
    level: 'error',
    message: 'the name of a target is not resolved: the addresses that it last had are used',
  },
  nameResolved: { level: 'info', message: 'the name of a target is resolved again' },
  acceptFailed: { level: 'error', message: 'a client connection could not be accepted' },
  faultCaught: {
    level: 'error',
    message: 'a bug of the proxy: an error that nothing foresaw has ended a connection',
  },
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
