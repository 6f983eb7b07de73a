import { startProxy } from '@sluice/proxy';
import { settingsWarnings } from '@sluice/proxy/settings';
import type { Run } from '../command.ts';
import { readSettings } from '../read-settings.ts';
import { aborted, StopSignals } from '../stop-signals.ts';
import { Reloader } from './reloader.ts';

export const run: Run = async ({ options, stderr }) => {
  const file = String(options['config']);
  const settings = readSettings(file, stderr);
  if (settings === undefined) {
    return 1;
  }
  const signals = new StopSignals(['SIGINT', 'SIGTERM']);
  let reloader: Reloader | undefined;
  // From the start, since an unheard SIGHUP ends the process.
  process.on('SIGHUP', () => reloader?.reload());
  const proxy = await startProxy(settings);
  for (const warning of settingsWarnings(settings)) {
    proxy.logger.warn(warning);
  }
  reloader = new Reloader(file, settings, proxy);
  proxy.logger.info({ endpoints: proxy.endpoints, admin: proxy.admin }, 'ready');

  await aborted(signals.first);
  await reloader.close();
  reloader = undefined;
  await Promise.race([proxy.drain(), aborted(signals.second)]);
  if (signals.second.aborted) {
    await proxy.stop();
  }
  proxy.logger.info('stopped');
  return 0;
};
