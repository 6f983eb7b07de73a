import { setTimeout as delay } from 'node:timers/promises';
import type { ProxyStatus } from '@sluice/proxy';
import { isProxyStatus } from '@sluice/proxy/admin-json';
import { parseJson } from '@sluice/proxy/json';
import type { Run } from '../command.ts';
import { UsageError } from '../command.ts';
import { adminPort, reasonOf } from '../planned-work/admin-port.ts';
import type { AdminAnswer, AdminPort } from '../planned-work/admin-port.ts';
import { aborted, StopSignals } from '../stop-signals.ts';
import { statusText } from './status-text.ts';

/** The timeout for a response of the admin port, in milliseconds. */
const patience = 5000;

/** Clears the screen and moves the cursor to the top left. The scrollback of the terminal stays. */
const clearScreen = '\u001B[H\u001B[2J';

export const run: Run = async ({ options, stdout, stderr }) => {
  const admin = adminPort(options, stderr);
  if (admin === undefined) return 1;
  const isJson = options['json'] === true;
  if (options['watch'] !== true) {
    const status = await fetchStatus(admin);
    stdout.write(
      isJson ? `${JSON.stringify(status, undefined, 2)}\n` : statusText(status, admin.name),
    );
    return 0;
  }
  const signals = new StopSignals();
  const stopped = aborted(signals.first);
  let before: ProxyStatus | undefined;
  while (!signals.first.aborted) {
    const status = await fetchStatus(admin);
    stdout.write(
      isJson
        ? `${JSON.stringify(status)}\n`
        : startOf(stdout, before === undefined) + statusText(status, admin.name, before),
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

async function fetchStatus(admin: AdminPort): Promise<ProxyStatus> {
  const { name } = admin;
  let answer: AdminAnswer;
  try {
    answer = await admin.request('/status', 'GET', patience);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      `no proxy responds at ${name} (${reasonOf(error, patience)}); start one with sluice up or sluice serve, or specify its admin port: sluice status --admin http://HOST:PORT`,
    );
  }
  const status = parseJson(answer.body, isProxyStatus);
  if (answer.status === 401) {
    throw new UsageError(
      `${name} requires a token or a client certificate; set SLUICE_ADMIN_TOKEN, or --admin-cert and --admin-key`,
    );
  }
  if (answer.status !== 200 || status === undefined) {
    throw new UsageError(
      `${name}/status returned HTTP status ${answer.status}${answer.status === 200 ? ' without a status' : ''}; check that it is the admin port of a proxy of this version`,
    );
  }
  return status;
}

/** What comes before a refreshed text: a terminal shows only the last; a file has all, with an empty line between. */
function startOf(stream: NodeJS.WritableStream, isFirst: boolean): string {
  if (isTerminal(stream)) return clearScreen;
  return isFirst ? '' : '\n';
}

function isTerminal(stream: NodeJS.WritableStream): boolean {
  return 'isTTY' in stream && stream.isTTY === true;
}
