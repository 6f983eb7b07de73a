import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { events } from './events.ts';
import { LogWriter, openStandardError } from './log-writer.ts';

export interface LogOptions {
  readonly level: string;
  /** `auto` is pretty on a terminal and JSON elsewhere. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** Whether the log includes each statement, normalized. */
  readonly debug: boolean;
}

let shared: LogWriter | null = null;

/** The process has one writer. A new logger reuses it, so that no buffered line is lost. */
function standardError(): LogWriter {
  shared ??= new LogWriter(openStandardError(), (lines) => {
    const msg = `${lines} log lines were lost, because they could not be written`;
    return `${JSON.stringify({ level: 40, time: new Date().toISOString(), msg })}\n`;
  });
  return shared;
}

/** Resolves when all lines logged so far are written. */
export function logFlushed(): Promise<void> {
  return shared?.flushed() ?? Promise.resolve();
}

/** The log goes to standard error. Standard output is for the result of a command. */
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

interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
}

/** The line of each event. It includes the fields of the payload; `client` and `connection` correlate lines. */
const lines: Partial<Record<keyof typeof events, Line>> = {
  clientConnected: { level: 'debug', message: 'client connected' },
  clientLoggedIn: { level: 'info', message: 'client logged in' },
  clientLoginFailed: { level: 'warn', message: 'client login failed' },
  clientClosed: { level: 'info', message: 'client connection closed' },
  sessionPinned: { level: 'warn', message: 'session pinned to its server connection' },
  sessionUnpinned: { level: 'info', message: 'session unpinned, because its state is gone' },
  hiddenStateFound: {
    level: 'warn',
    message: 'a statement changed session state, but its text does not show it',
  },
  storedCodeUnread: {
    level: 'warn',
    message:
      'the proxy could not read the functions of the database: it probes for their side effects by sampling',
  },
  customNamesForgotten: {
    level: 'warn',
    message:
      'the proxy forgets names of custom parameters, because there are too many: a value that a function sets under such a name ' +
      'does not follow its session to another server connection',
  },
  sequenceReaderFound: {
    level: 'warn',
    message:
      'an application uses currval() or lastval(): from now on, nextval() and setval() pin its sessions',
  },
  listeningLost: {
    level: 'warn',
    message:
      'listening connection lost: sessions may miss notifications until the proxy reconnects',
  },
  listeningResumed: {
    level: 'warn',
    message: 'listening again: sessions may have missed notifications',
  },
  listeningFailed: { level: 'error', message: 'could not open the listening connection' },
  cancelRequested: { level: 'debug', message: 'cancel requested' },
  serverConnectionOpened: { level: 'info', message: 'server connection opened' },
  serverConnectionClosed: { level: 'info', message: 'server connection closed' },
  serverConnectFailed: { level: 'error', message: 'could not open a server connection' },
  loginFactsChanged: {
    level: 'info',
    message:
      'settings that PostgreSQL applies at login have changed: new clients get new server connections',
  },
  targetStateChanged: { level: 'info', message: 'target state changed' },
  writerSuspected: { level: 'info', message: 'failure signal: checking the writer' },
  writerLost: { level: 'warn', message: 'writer lost: clients wait' },
  writerFound: { level: 'info', message: 'writer found: clients are served' },
  firstStatementServed: { level: 'info', message: 'first statement served by the new writer' },
  readersChanged: { level: 'info', message: 'the targets that serve reads have changed' },
  targetsNotListed: {
    level: 'error',
    message: 'the RDS API did not list the targets: the proxy keeps the known ones',
  },
  targetDrained: {
    level: 'warn',
    message: 'target draining: sessions leave it at the end of their transactions',
  },
  targetUndrained: { level: 'warn', message: 'target drain ended: the target is in use again' },
  paused: { level: 'warn', message: 'paused: clients wait' },
  resumed: { level: 'warn', message: 'resumed' },
  statement: { level: 'debug', message: 'statement' },
  settingsReloaded: { level: 'info', message: 'settings reloaded' },
  secretsChanged: { level: 'info', message: 'passwords in secrets have changed' },
  secretsFailed: {
    level: 'warn',
    message: 'could not reread the secrets: the proxy uses the last values',
  },
  secretsUnread: {
    level: 'error',
    message:
      'could not read the secrets: their users cannot log in, and the proxy is not ready; it keeps trying',
  },
  authQueryFailed: { level: 'error', message: 'AuthQuery failed' },
  authRuleWarning: { level: 'warn', message: 'authentication rule' },
  descriptorsUsedUp: {
    level: 'error',
    message:
      'few file descriptors are left: the proxy refuses clients until more are free; raise the limit (ulimit -n, LimitNOFILE)',
  },
  sessionLimitExceeded: {
    level: 'warn',
    message: 'a session exceeded a limit: the proxy closes the client connection',
  },
  memoryLimitExceeded: {
    level: 'error',
    message:
      'memory use is above MaxMemory: the proxy refuses new work until it drops below the limit',
  },
  memoryBelowLimit: {
    level: 'warn',
    message: 'memory use is below MaxMemory again: the proxy accepts new work',
  },
  stalled: {
    level: 'warn',
    message: 'the event loop was blocked, by a lack of CPU time or by one long task',
  },
  nameUnresolved: {
    level: 'error',
    message: 'could not resolve the name of a target: the proxy uses the last known addresses',
  },
  nameResolved: { level: 'info', message: 'the name of a target resolves again' },
  acceptFailed: { level: 'error', message: 'could not accept a client connection' },
  faultCaught: {
    level: 'error',
    message: 'unexpected exception, which is a bug in the proxy: the connection was closed',
  },
  draining: { level: 'info', message: 'draining' },
};

function isLogged(name: string): name is keyof typeof lines {
  return Object.hasOwn(lines, name);
}

/** Logs events, and statements if `statements` is true, until the returned function is called. */
export function logEvents(logger: Logger, statements: boolean): () => void {
  const stops: (() => void)[] = [];
  for (const [name, line] of Object.entries(lines)) {
    if (!isLogged(name)) continue;
    if (!logger.isLevelEnabled(line.level) || (name === 'statement' && !statements)) continue;
    const write = (payload: unknown): void => logger[line.level](payload, line.message);
    events[name].subscribe(write);
    stops.push(() => events[name].unsubscribe(write));
  }
  return () => {
    for (const stop of stops) stop();
  };
}
