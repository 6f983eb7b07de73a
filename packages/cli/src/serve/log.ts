import { createLogger, logEvents } from '@sluice/proxy';
import type { Settings } from '@sluice/proxy/settings';

/** The log of a proxy that is served: the events of the daemon, and what the command itself has to say. */
export class Log {
  readonly #logger: ReturnType<typeof createLogger>;
  #stopEvents: () => void;

  constructor(settings: Settings) {
    this.#logger = createLogger(logOptions(settings));
    this.#stopEvents = logEvents(this.#logger);
  }

  /** Takes the level from other settings. */
  change(settings: Settings): void {
    const { level, debug } = logOptions(settings);
    this.#logger.level = debug ? 'debug' : level;
    this.#stopEvents();
    this.#stopEvents = logEvents(this.#logger);
  }

  info(message: string, fields: object = {}): void {
    this.#logger.info(fields, message);
  }

  warn(message: string): void {
    this.#logger.warn(message);
  }

  error(message: string): void {
    this.#logger.error(message);
  }

  /** Hears of no more events. */
  close(): void {
    this.#stopEvents();
  }
}

function logOptions(settings: Settings): Parameters<typeof createLogger>[0] {
  const { LogLevel, LogFormat, DebugLogging } = settings;
  return { level: LogLevel, format: LogFormat, debug: DebugLogging };
}
