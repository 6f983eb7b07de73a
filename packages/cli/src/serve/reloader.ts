import { readFileSync } from 'node:fs';
import type { RunningProxy } from '@sluice/proxy';
import type { Settings } from '@sluice/proxy/settings';
import { loadSettings, namedFiles, SettingsError, settingsWarnings } from '@sluice/proxy/settings';
import type { Log } from './log.ts';
import { watchFiles } from './watch-files.ts';

/** Reads the settings again when they change, and gives them to the proxy. */
export class Reloader {
  readonly #file: string;
  readonly #proxy: RunningProxy;
  readonly #log: Log;
  #settings: Settings;
  #content: string;
  #unwatch: () => void;

  constructor(file: string, settings: Settings, proxy: RunningProxy, log: Log) {
    this.#file = file;
    this.#settings = settings;
    this.#proxy = proxy;
    this.#log = log;
    this.#content = this.#read();
    this.#unwatch = this.#watch();
  }

  /** Reads and applies the settings. When they are wrong, the proxy keeps those it has. */
  reload(): void {
    this.#content = this.#read();
    try {
      const settings = loadSettings(this.#file, process.env);
      const { applied, refused } = this.#proxy.reload(settings);
      this.#log.change(settings);
      this.#settings = settings;
      for (const warning of settingsWarnings(settings)) {
        this.#log.warn(warning);
      }
      this.#log.info(`settings reloaded: ${applied.join(', ') || 'nothing changed'}`);
      for (const { setting, reason } of refused) {
        this.#log.warn(`${setting} stays as it was: ${reason}`);
      }
    } catch (error) {
      if (!(error instanceof SettingsError)) {
        throw error;
      }
      this.#log.error(`settings not reloaded, the proxy keeps those it has:\n${error.message}`);
    }
    this.#unwatch();
    this.#unwatch = this.#watch();
  }

  /** Stops watching. */
  close(): void {
    this.#unwatch();
  }

  #watch(): () => void {
    return watchFiles(
      this.#files(),
      () => {
        if (this.#read() !== this.#content) {
          this.reload();
        }
      },
      (error) => {
        this.#log.warn(
          `changes of files will not be noticed, send SIGHUP instead: ${String(error)}`,
        );
      },
    );
  }

  #files(): readonly string[] {
    return [this.#file, ...namedFiles(this.#settings)];
  }

  /** What stands in the files, to tell a change from an event that means nothing. */
  #read(): string {
    return this.#files()
      .map((file) => {
        try {
          return readFileSync(file, 'utf8');
        } catch (error) {
          return String(error);
        }
      })
      .join('\0');
  }
}
