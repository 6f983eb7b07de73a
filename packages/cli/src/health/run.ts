import process from 'node:process';
import type { Run } from '../command.ts';

/** How long the answer may take (milliseconds). */
const patience = 4000;

export const run: Run = async ({ options, stderr }) => {
  const { admin } = options;
  const port = process.env['SLUICE_ADMIN_PORT'] ?? '9127';
  const base = typeof admin === 'string' ? admin.replace(/\/$/, '') : `http://127.0.0.1:${port}`;
  const url = `${base}${options['ready'] === true ? '/readyz' : '/healthz'}`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(patience) });
    if (response.ok) return 0;
    stderr.write(
      `${url} returned HTTP status ${response.status}: ${(await response.text()).trim()}\n`,
    );
  } catch (error) {
    const why = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    stderr.write(`${url} does not respond: ${String(why)}\n`);
  }
  return 1;
};
