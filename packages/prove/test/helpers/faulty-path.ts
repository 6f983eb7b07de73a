import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { Fault, Postgres } from '@sluice/testkit';
import { startDatabase } from '../../../../test/helpers/database.ts';

const run = promisify(execFile);

/** A database, and a second path to it with a known fault. */
export interface FaultyPath {
  readonly postgres: Postgres;
  readonly url: string;
  readonly set: (fault: Fault) => Promise<void>;
  /** Sets a fault for some milliseconds; resolves to the actual number. */
  readonly setFor: (fault: Fault, ms: number) => Promise<number>;
  /** A shell command that sets a fault for some milliseconds. */
  readonly command: (fault: Fault, ms: number) => string;
}

/** Starts both for a test, which stops them at its end. */
export async function startFaultyPath(t: TestContext, maxConnections = 100): Promise<FaultyPath> {
  const postgres = await startDatabase({ maxConnections });
  t.after(() => postgres.stop('immediate'));
  const child = fork(path.join(import.meta.dirname, 'fault-main.ts'), { execArgv: [] });
  t.after(() => child.kill('SIGKILL'));
  child.send({ host: postgres.host, port: postgres.port });
  const [message] = (await once(child, 'message')) as [{ port: number; orders: number }];
  await favour(child.pid, postgres.pid, process.pid);
  const { user, password, database } = postgres;
  const order = (fault: Fault, ms: number): string =>
    `http://127.0.0.1:${message.orders}/?fault=${encodeURIComponent(JSON.stringify(fault))}&ms=${ms}`;
  return {
    postgres,
    url: `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${message.port}/${database}`,
    set: async (fault) => {
      await (await fetch(order(fault, 0))).text();
    },
    setFor: async (fault, ms) => Number(await (await fetch(order(fault, ms))).text()),
    command: (fault, ms) =>
      `"${process.execPath}" -e "fetch('${order(fault, ms)}').then((r) => r.text())"`,
  };
}

/**
 * Other work on this machine must not disturb the measurement: these processes, which need little CPU time, get
 * priority (SCHED_FIFO). Only root can set that, and only with chrt; elsewhere the machine has to be idle.
 */
async function favour(...pids: readonly (number | undefined)[]): Promise<void> {
  for (const pid of pids)
    await run('chrt', ['--all-tasks', '--fifo', '--pid', '1', String(pid)]).catch(() => undefined);
}
