import { caught, logFlushed, startProxy } from '@sluice/proxy';
import { settingsWarnings } from '@sluice/proxy/settings';
import type { Run } from '../command.ts';
import { leave } from '../leave.ts';
import { guardProcess } from '../process-guard.ts';
import { readSettings } from '../read-settings.ts';
import { runtimeName } from '../runtime-name.ts';
import { aborted, StopSignals } from '../stop-signals.ts';
import { Reloader } from './reloader.ts';

export const run: Run = async ({ options, stderr }) => {
  const file = String(options['config']);
  const settings = readSettings(file, stderr);
  if (settings === undefined) {
    return 1;
  }
  // Environment variables can contain passwords (PasswordEnv), and a diagnostic report would list them. Bun has no
  // reports.
  if (typeof process.report === 'object') process.report.excludeEnv = true;
  const signals = new StopSignals(['SIGINT', 'SIGTERM']);
  let reloader: Reloader | undefined;
  // Installed first, because a SIGHUP without a handler ends the process.
  process.on('SIGHUP', () => reloader?.reload());
  const proxy = await startProxy(settings);
  guardProcess();
  for (const warning of settingsWarnings(settings)) {
    proxy.logger.warn(warning);
  }
  reloader = new Reloader(file, settings, proxy);
  proxy.logger.info(
    { endpoints: proxy.endpoints, admin: proxy.admin, runtime: runtimeName },
    'ready',
  );

  await aborted(signals.first);
  const closed = reloader.close();
  reloader = undefined;
  const drained = proxy.drain().catch((error: unknown) => caught('a drain', error));
  await Promise.race([drained, aborted(signals.second)]);
  return leave(
    0,
    Promise.all([proxy.stop(), closed]).then(() => {
      proxy.logger.info('stopped');
      return logFlushed();
    }),
  );
};
