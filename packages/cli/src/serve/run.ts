import { startProxy } from '@sluice/proxy';
import { settingsWarnings } from '@sluice/proxy/settings';
import type { Run } from '../command.ts';
import { readSettings } from '../read-settings.ts';
import { aborted, StopSignals } from '../stop-signals.ts';
import { Log } from './log.ts';
import { Reloader } from './reloader.ts';

export const run: Run = async ({ options, stderr }) => {
  const file = String(options['config']);
  const settings = readSettings(file, stderr);
  if (settings === undefined) {
    return 1;
  }
  const signals = new StopSignals(['SIGINT', 'SIGTERM']);
  const log = new Log(settings);
  for (const warning of settingsWarnings(settings)) {
    log.warn(warning);
  }
  const proxy = await startProxy(settings);
  const reloader = new Reloader(file, settings, proxy, log);
  const reload = (): void => reloader.reload();
  process.on('SIGHUP', reload);
  log.info('ready', { endpoints: proxy.endpoints, admin: proxy.admin });

  await aborted(signals.first);
  process.off('SIGHUP', reload);
  reloader.close();
  log.info(`${String(signals.first.reason)}: draining; once more to stop at once`);
  await Promise.race([proxy.drain(), aborted(signals.second)]);
  if (signals.second.aborted) {
    log.info(`${String(signals.second.reason)}: stopping`);
    await proxy.stop();
  }
  log.info('stopped');
  log.close();
  signals.close();
  return 0;
};
