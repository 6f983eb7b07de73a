import { setTimeout as delay } from 'node:timers/promises';
import type { ProxyStatus, RunningProxy } from '@sluice/proxy';
import { completeSettings } from './complete-settings.ts';
import type { ListeningEndpoint, PauseOptions, Proxy, ReloadResult } from './proxy.ts';
import type { ProxySettings } from './proxy-settings.ts';

/** The interval between two checks whether something is still running, in milliseconds. */
const pollInterval = 20;

/** A proxy in the process of an application. */
export class EmbeddedProxy implements Proxy {
  readonly #proxy: RunningProxy;
  /** The defaults of every reload; the caller can override them. */
  readonly #defaults: ProxySettings;
  #ended: Promise<void> | undefined;

  constructor(proxy: RunningProxy, defaults: ProxySettings) {
    this.#proxy = proxy;
    this.#defaults = defaults;
  }

  get host(): string {
    return this.#first.host;
  }

  get port(): number {
    return this.#first.port;
  }

  get endpoints(): readonly ListeningEndpoint[] {
    return this.#proxy.endpoints;
  }

  get adminUrl(): string {
    const { host, port } = this.#proxy.admin;
    return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  status(): ProxyStatus {
    return this.#proxy.status();
  }

  async reload(settings: ProxySettings): Promise<ReloadResult> {
    return this.#proxy.reload(completeSettings({ ...this.#defaults, ...settings }));
  }

  async pause({ timeoutMs = 60_000, signal }: PauseOptions = {}): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    while (!this.#proxy.pause()) {
      if (performance.now() >= deadline) return false;
      await delay(pollInterval, undefined, signal === undefined ? {} : { signal });
    }
    return true;
  }

  resume(): void {
    this.#proxy.resume();
  }

  drain(): Promise<void> {
    this.#ended ??= this.#proxy.drain();
    return this.#ended;
  }

  async stop(): Promise<void> {
    this.#ended = this.#proxy.stop();
    await this.#ended;
  }

  /** `await using proxy = await startProxy(…)` stops it at the end of the block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (this.#ended ?? this.stop());
  }

  get #first(): ListeningEndpoint {
    const [first] = this.#proxy.endpoints;
    if (first === undefined) throw new Error('the proxy has no endpoint');
    return first;
  }
}
