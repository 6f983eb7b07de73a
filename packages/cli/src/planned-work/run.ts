import { setTimeout as delay } from 'node:timers/promises';
import { isWorkResponse } from '@sluice/proxy/admin-json';
import type { WorkResponse } from '@sluice/proxy/admin-json';
import { parseJson } from '@sluice/proxy/json';
import type { Run } from '../command.ts';
import { UsageError } from '../command.ts';
import { adminPort, reasonOf } from './admin-port.ts';
import type { AdminPort } from './admin-port.ts';

/** The interval between two requests while something is still running, in milliseconds. */
const pollInterval = 50;

/** The timeout for one response, in milliseconds. */
const patience = 30_000;

/** Sends one request to the proxy. */
async function post(admin: AdminPort, place: string): Promise<WorkResponse> {
  const { status, body } = await admin.request(place, 'POST', patience).catch((error: unknown) => {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`no proxy responds at ${admin.name} (${reasonOf(error, patience)})`);
  });
  if (status === 401 || status === 403)
    throw new UsageError(
      `${admin.name} returned HTTP status ${status}: ${body.trim()}; set SLUICE_ADMIN_TOKEN to the token`,
    );
  const answer = parseJson(body, isWorkResponse);
  if (status === 200 && answer !== undefined) return answer;
  throw new UsageError(
    answer?.error === undefined
      ? `${admin.name} returned HTTP status ${status} and no response of a proxy; check that it is the admin port of a proxy of this version`
      : `${answer.error}; the targets are ${answer.targets?.join(', ')}`,
  );
}

/** Repeats the request until nothing is running; false if something still is after the timeout. */
async function untilQuiet(admin: AdminPort, place: string, seconds: number): Promise<boolean> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const { quiet } = await post(admin, place);
    if (quiet === true) return true;
    if (performance.now() >= deadline) return false;
    await delay(pollInterval);
  }
}

export const pause: Run = async ({ options, stdout, stderr }) => {
  const admin = adminPort(options, stderr);
  if (admin === undefined) return 1;
  const quiet = await untilQuiet(admin, '/pause', Number(options['timeout']));
  stdout.write(
    quiet
      ? 'paused: nothing is running; continue with `sluice resume`\n'
      : 'paused, but something is still running; `sluice pause` keeps waiting, `sluice resume` ends the pause\n',
  );
  return quiet ? 0 : 1;
};

export const resume: Run = async ({ options, arguments: [target], stdout, stderr }) => {
  const admin = adminPort(options, stderr);
  if (admin === undefined) return 1;
  await post(admin, target === undefined ? '/resume' : `/resume?${named(target)}`);
  stdout.write(target === undefined ? 'resumed\n' : `${target} is in use again\n`);
  return 0;
};

export const drain: Run = async ({ options, arguments: [target = ''], stdout, stderr }) => {
  const admin = adminPort(options, stderr);
  if (admin === undefined) return 1;
  const quiet = await untilQuiet(admin, `/drain?${named(target)}`, Number(options['timeout']));
  stdout.write(
    quiet
      ? `${target} is drained; put it back in use with \`sluice resume ${target}\`\n`
      : `${target} gets no more work, but something is still running there\n`,
  );
  return quiet ? 0 : 1;
};

function named(target: string): string {
  return new URLSearchParams({ target }).toString();
}
