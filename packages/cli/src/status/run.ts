import { setTimeout as delay } from 'node:timers/promises';
import type { ProxyStatus } from '@sluice/proxy';
import type { Run } from '../command.ts';
import { UsageError } from '../command.ts';
import { adminHeaders, adminUrl } from '../planned-work/admin-url.ts';
import { aborted, StopSignals } from '../stop-signals.ts';
import { statusText } from './status-text.ts';

/** How long the admin port may take to answer (milliseconds). */
const patience = 5000;

/** Clears the screen and goes to its top left corner. What the terminal has scrolled away stays. */
const clearScreen = '\u001B[H\u001B[2J';

export const run: Run = async ({ options, stdout, stderr }) => {
  const admin = adminUrl(options, stderr);
  if (admin === undefined) return 1;
  const isJson = options['json'] === true;
  if (options['watch'] !== true) {
    const status = await askStatus(admin);
    stdout.write(isJson ? `${JSON.stringify(status, undefined, 2)}\n` : statusText(status, admin));
    return 0;
  }
  const signals = new StopSignals();
  const stopped = aborted(signals.first);
  let before: ProxyStatus | undefined;
  while (!signals.first.aborted) {
    const status = await askStatus(admin);
    stdout.write(
      isJson
        ? `${JSON.stringify(status)}\n`
        : `${isTerminal(stdout) ? clearScreen : ''}${statusText(status, admin, before)}`,
    );
    before = status;
    await Promise.race([
      delay(Number(options['interval']) * 1000, undefined, { signal: signals.first }).catch(
        () => undefined,
      ),
      stopped,
    ]);
  }
  return 0;
};

async function askStatus(admin: string): Promise<ProxyStatus> {
  let response: Response;
  try {
    response = await fetch(`${admin}/status`, {
      headers: adminHeaders(),
      signal: AbortSignal.timeout(patience),
    });
  } catch (error) {
    throw new UsageError(
      `no proxy responds at ${admin} (${reasonOf(error)}); start one with sluice up or sluice serve, or specify its admin port: sluice status --admin http://HOST:PORT`,
    );
  }
  if (response.status === 401) {
    throw new UsageError(`${admin} requires a token; set SLUICE_ADMIN_TOKEN`);
  }
  if (!response.ok) {
    throw new UsageError(
      `${admin}/status returned HTTP status ${response.status}; check that it is the admin port of a proxy of this version`,
    );
  }
  return (await response.json()) as ProxyStatus;
}

/** What fetch hides behind "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return error.name === 'TimeoutError' ? `no answer in ${patience / 1000} seconds` : error.message;
}

function isTerminal(stream: NodeJS.WritableStream): boolean {
  return 'isTTY' in stream && stream.isTTY === true;
}
