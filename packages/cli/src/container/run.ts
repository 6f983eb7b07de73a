import process from 'node:process';
import type { Run } from '../command.ts';
import { run as serve } from '../serve/run.ts';
import { reportMetrics } from './metrics.ts';
import { takeSecrets } from './take-secrets.ts';

export const run: Run = (input) => {
  const config = takeSecrets(process.env);
  const service = process.env['METRICS_SERVICE'];
  if (service !== undefined) {
    delete process.env['METRICS_SERVICE'];
    reportMetrics(service, process.env['SLUICE_ADMIN_PORT'] ?? '9127');
  }
  return serve({ ...input, options: { config } });
};
