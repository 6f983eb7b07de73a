import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { RunningProxy } from '@sluice/proxy';
import type { Settings } from '@sluice/proxy/settings';
import { loadSettings, namedFiles, settingsWarnings } from '@sluice/proxy/settings';
import { watchFiles } from './watch-files.ts';

/** Reads the settings again when they change, and gives them to the proxy. */
export class Reloader {
  readonly #file: string;
  readonly #proxy: RunningProxy;
  /** The files that the last good settings name. */
  #namedFiles: readonly string[];
  #content: string;
  #unwatch: () => void;
  /** The last reload; the next one waits for it. */
  #reload: Promise<void> = Promise.resolve();

  constructor(file: string, settings: Settings, proxy: RunningProxy) {
    this.#file = file;
    this.#proxy = proxy;
    this.#namedFiles = namedFiles(settings);
    this.#content = this.#read();
    this.#unwatch = this.#watch();
  }

  /** Reads and applies the settings. When they are wrong, the proxy keeps those it has, and the log says why. */
  reload(): void {
    this.#reload = this.#reload
      .then(() => this.#apply())
      .catch((error: unknown) => {
        this.#proxy.logger.error(
          `settings not reloaded, the proxy keeps the current ones:\n${String(error)}`,
        );
      });
  }

  /** Stops watching, once a reload that runs is done. */
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
    // Only now, since a watch that begins anew forgets what has happened meanwhile.
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

  /** What stands in the files, to tell a change from an event that means nothing. */
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
