import { startProxy as start } from '@sluice/proxy';
import { completeSettings } from './complete-settings.ts';
import { EmbeddedProxy } from './embedded-proxy.ts';
import type { Proxy } from './proxy.ts';
import type { ProxySettings } from './proxy-settings.ts';

/**
 * What differs from `sluice serve`: ports that are free, so that many can run at once, and a log that is silent when
 * all is well.
 */
const embeddedDefaults: ProxySettings = Object.freeze({
  ListenPort: 0,
  AdminPort: 0,
  LogLevel: 'warn',
});

/**
 * Starts a proxy in this process.
 *
 * @param settings - those of `sluice serve`, by the same names. `TargetHost` and `Users` are what most need. Left out,
 * `ListenPort` and `AdminPort` are free ports, and `LogLevel` is `warn`; the others have their documented defaults.
 * @returns the proxy, once clients can connect. The database need not be there yet.
 * @throws {@link SettingsError} with every problem, when the settings are wrong.
 * @throws {@link ProxyError} when a certificate or a secret that they name cannot be used.
 *
 * @example
 * ```ts
 * await using proxy = await startProxy({
 *   TargetHost: 'localhost',
 *   Users: [{ UserName: 'app', Password: 'secret' }],
 * });
 * console.log(`postgres://app:secret@${proxy.host}:${proxy.port}/shop`);
 * ```
 */
export async function startProxy(settings: ProxySettings): Promise<Proxy> {
  const proxy = await start(completeSettings({ ...embeddedDefaults, ...settings }));
  // A reload must keep the ports that were chosen.
  const { ListenPort, AdminPort, LogLevel } = { ...embeddedDefaults, ...settings };
  return new EmbeddedProxy(proxy, {
    ...(ListenPort === undefined ? {} : { ListenPort }),
    ...(AdminPort === undefined ? {} : { AdminPort }),
    ...(LogLevel === undefined ? {} : { LogLevel }),
  });
}
