import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { RunningProxy } from '@sluice/proxy';
import type { Settings } from '@sluice/proxy/settings';
import { loadSettings, namedFiles, settingsWarnings } from '@sluice/proxy/settings';
import { watchFiles } from './watch-files.ts';

/** Rereads the settings when they change, and applies them to the proxy. */
export class Reloader {
  readonly #file: string;
  readonly #proxy: RunningProxy;
  /** The files in the last valid settings. */
  #namedFiles: readonly string[];
  #content: string;
  #unwatch: () => void;
  /** The last reload, which the next one waits for. */
  #reload: Promise<void> = Promise.resolve();

  constructor(file: string, settings: Settings, proxy: RunningProxy) {
    this.#file = file;
    this.#proxy = proxy;
    this.#namedFiles = namedFiles(settings);
    this.#content = this.#read();
    this.#unwatch = this.#watch();
  }

  /** Reads and applies the settings. If they are invalid, the proxy keeps the current ones, and the log shows why. */
  reload(): void {
    this.#reload = this.#reload
      .then(() => this.#apply())
      .catch((error: unknown) => {
        this.#proxy.logger.error(
          `settings not reloaded, the proxy keeps the current ones:\n${String(error)}`,
        );
      });
  }

  /** Stops watching after the running reload. */
  async close(): Promise<void> {
    await this.#reload;
    this.#unwatch();
  }

  async #apply(): Promise<void> {
    this.#content = this.#read();
    const settings = loadSettings(this.#file, process.env);
    const { refused } = await this.#proxy.reload(settings);
    const warnings = refused.map(({ setting, reason }) => `${setting} not changed: ${reason}`);
    for (const warning of [...warnings, ...settingsWarnings(settings)]) {
      this.#proxy.logger.warn(warning);
    }
    const files = namedFiles(settings);
    if (isDeepStrictEqual(files, this.#namedFiles)) return;
    // Only afterwards, because a new watch misses the changes before it.
    this.#namedFiles = files;
    this.#content = this.#read();
    this.#unwatch();
    this.#unwatch = this.#watch();
  }

  #watch(): () => void {
    const changed = (): void => {
      if (this.#read() !== this.#content) {
        this.reload();
      }
    };
    return watchFiles([this.#file, ...this.#namedFiles], changed, (error) => {
      this.#proxy.logger.warn(
        `cannot watch the settings for changes, send SIGHUP to reload them: ${String(error)}`,
      );
    });
  }

  /** The contents of the files, to distinguish a change from an irrelevant event. */
  #read(): string {
    return [this.#file, ...this.#namedFiles]
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
