/** Is the daemon alive? Asks its admin port; exit code 0 for yes. Whether it may get clients, /readyz says. */
import process from 'node:process';

const port = process.env['SLUICE_ADMIN_PORT'] ?? '9127';
const answer = await fetch(`http://127.0.0.1:${port}/healthz`, {
  signal: AbortSignal.timeout(4000),
}).catch(() => undefined);
process.exitCode = answer?.ok === true ? 0 : 1;
