import { setTimeout as delay } from 'node:timers/promises';
import type { Run } from '../command.ts';
import { UsageError } from '../command.ts';
import { adminHeaders, adminUrl } from './admin-url.ts';

/** How often it is asked whether all is quiet, in milliseconds. */
const pollInterval = 50;

interface Answer {
  readonly quiet?: boolean;
  readonly error?: string;
  readonly targets?: readonly string[];
}

/** Says it to the proxy. */
async function post(admin: string, place: string): Promise<Answer> {
  const response = await fetch(admin + place, { method: 'POST', headers: adminHeaders() });
  if (response.status === 401 || response.status === 403)
    throw new UsageError(
      `${admin} returned HTTP status ${response.status}: ${(await response.text()).trim()}; set SLUICE_ADMIN_TOKEN to the token`,
    );
  const answer = (await response.json()) as Answer;
  if (response.ok) return answer;
  throw new UsageError(`${answer.error}; the targets are ${answer.targets?.join(', ')}`);
}

/** Says it again until nothing runs any more; false when something still does after the time-out. */
async function untilQuiet(admin: string, place: string, seconds: number): Promise<boolean> {
  const deadline = performance.now() + seconds * 1000;
  for (;;) {
    const { quiet } = await post(admin, place);
    if (quiet === true) return true;
    if (performance.now() >= deadline) return false;
    await delay(pollInterval);
  }
}

export const pause: Run = async ({ options, stdout, stderr }) => {
  const admin = adminUrl(options, stderr);
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
  const admin = adminUrl(options, stderr);
  if (admin === undefined) return 1;
  await post(admin, target === undefined ? '/resume' : `/resume?${named(target)}`);
  stdout.write(target === undefined ? 'resumed\n' : `${target} is in use again\n`);
  return 0;
};

export const drain: Run = async ({ options, arguments: [target = ''], stdout, stderr }) => {
  const admin = adminUrl(options, stderr);
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
