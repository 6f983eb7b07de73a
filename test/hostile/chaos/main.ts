/*
 * 200 clients with all kinds of actions, during random faults, single and in pairs: `npm run test:chaos -- [--seconds
 * 600] [--runtime node|bun] [--seed N]`. No client may get a wrong reply, no acknowledged row may be missing, every
 * error needs a fault that explains it, and memory and descriptors must return to their initial values. Exits with 1
 * otherwise.
 */
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { FaultProxy } from '@sluice/testkit';
import type { Postgres } from '@sluice/testkit';
import { startDatabase } from '../../helpers/database.ts';
import { ConnectionClosed, DatabaseError, RawClient } from '../../helpers/raw-client.ts';
import { eventually } from '../../helpers/routes.ts';
import { Sluice } from '../../helpers/sluice.ts';
import type { Runtime } from '../../helpers/runtime.ts';
import { Random } from '../fuzz/random.ts';
import { ChaosClient } from './client.ts';
import type { Run } from './client.ts';
import { faults } from './faults.ts';
import type { Fault, Scene } from './faults.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    runtime: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
const runtimes = (['node', 'bun'] as const).filter((one) =>
  [undefined, one].includes(values.runtime as Runtime),
);
const seconds = Number(values.seconds) / runtimes.length;

const clients = 200;
/** How long faults still explain errors after everything works again, in milliseconds. */
const grace = 2000;
/** How long recovery may take, in milliseconds. */
const patience = 30_000;
/** The possible errors of a lost or unresponsive database. */
const lossCodes = /^(08...|57P0[1-5]|40001|53300|25006|25P02|58...)$/;
const refusalCodes = /^(53300|08...)$/;
/** Reasons why client connections end without a fault. */
const usualEnds = new Set(['Terminate', 'client disconnected']);
/** The allowed growth of the process at the end, in bytes. */
const growth = 120 * 1024 * 1024;

let isSound = true;
for (const runtime of runtimes) isSound = (await chaos(runtime, Number(values.seed))) && isSound;
process.exitCode = isSound ? 0 : 1;

async function chaos(runtime: Runtime, seed: number): Promise<boolean> {
  const random = new Random(seed);
  const database = await startDatabase({ parameters: { synchronous_commit: 'on' } });
  await database.query('CREATE TABLE journal (client int, n int)');
  const network = await FaultProxy.start(database);
  const behind: Postgres = new Proxy(database, {
    get: (target, name) =>
      name === 'port' ? network.port : (Reflect.get(target, name, target) as unknown),
  });
  const settings = {
    PoolSize: 30,
    ConnectionBorrowTimeout: 10,
    ConnectTimeout: 2,
    ConnectRetryMax: 0.5,
    ClientLoginTimeout: 15,
    LogLevel: 'debug',
  };
  const sluice = await Sluice.start(behind, settings, runtime, 512);
  const { user, password } = database;
  const address = {
    host: sluice.host,
    port: sluice.port,
    user,
    password,
    database: database.database,
  };
  const scene: Scene = { database, network, sluice, address, random };

  const violations: string[] = [];
  const counts = new Map<string, number>();
  const count = (what: string): void => {
    counts.set(what, (counts.get(what) ?? 0) + 1);
  };
  const violated = (what: string): void => {
    violations.push(what);
    if (violations.length > 20) return;
    console.log(`${clockOf(began)} VIOLATION ${what}`);
    // The log of the proxy, most likely among the last lines.
    for (const { msg, level, ...rest } of sluice.log.slice(-200))
      if (level >= 40 || (msg.endsWith('closed') && !usualEnds.has(String(rest['reason']))))
        console.log(`       ${msg} ${JSON.stringify(rest)}`);
  };
  /** A fault explains a request that started before this time. */
  const explained = { errors: 0, refusals: 0 };
  let isOver = false;
  const began = performance.now();
  const run: Run = {
    address,
    random,
    isOver: () => isOver,
    isExplained: (since, error) => {
      const isClosed = error instanceof ConnectionClosed || isReset(error);
      const code = error instanceof DatabaseError ? (error.code ?? '') : '';
      if (since < explained.errors && (isClosed || lossCodes.test(code))) return true;
      return since < explained.refusals && (isClosed || refusalCodes.test(code));
    },
    done: count,
    violated,
  };

  // The first round is a warm-up.
  const all = Array.from({ length: clients }, (_, id) => new ChaosClient(id, run));
  const working = Promise.all(all.map((one) => one.work()));
  await delay(5000);
  const before = { memory: await sluice.residentMemory(), descriptors: await descriptors(sluice) };

  while (performance.now() - began < seconds * 1000 && violations.length < 20) {
    const struck = choose(random);
    const names = struck.map(({ name }) => name).join(' and ');
    for (const { name, explains } of struck) {
      count(`fault: ${name}`);
      if (explains !== 'nothing') explained[explains] = Infinity;
    }
    const repairs = [];
    for (const fault of struck) repairs.push(await fault.strike(scene));
    await delay(random.between(100, 3000));
    for (const repair of repairs.toReversed()) await repair();
    const healed = performance.now();
    try {
      await eventually(() => works(address), patience);
    } catch (error) {
      violated(`after ${names}: it does not work again: ${String(error)}`);
      break;
    }
    const now = performance.now();
    console.log(
      `${clockOf(began)} ${runtime}: ${names}; works again after ${Math.round(now - healed)} ms`,
    );
    for (const kind of ['errors', 'refusals'] as const)
      if (explained[kind] === Infinity) explained[kind] = now + grace;
    await delay(grace + random.between(500, 2500));
  }
  isOver = true;
  await working;

  for (const what of await lost(database, all)) violated(what);
  try {
    await eventually(async () => {
      const after = {
        memory: await sluice.residentMemory(),
        descriptors: await descriptors(sluice),
      };
      const what = `${JSON.stringify(before)} before, ${JSON.stringify(after)} afterwards`;
      if (after.memory > before.memory + growth) throw new Error(`memory: ${what}`);
      // All descriptors of the clients are closed, and no others are open.
      if (after.descriptors > before.descriptors - clients + 40)
        throw new Error(`descriptors: ${what}`);
      console.log(what);
    }, patience);
  } catch (error) {
    violated(String(error));
  }
  if ((await sluice.metric('sluice_faults_total')) > 0)
    violated(`bugs: ${JSON.stringify(sluice.log.filter(({ level }) => level >= 50).slice(0, 3))}`);
  const code = await sluice.stop();
  if (code !== 0) violated(`exit code ${code}`);
  await network.stop();
  await database.stop('immediate');
  for (const [what, times] of [...counts].sort(([one], [other]) => one.localeCompare(other)))
    console.log(`${String(times).padStart(8)} ${what}`);
  console.log(
    `${runtime}: ${violations.length} violations in ${Math.round((performance.now() - began) / 1000)} s; ` +
      `again: npm run test:chaos -- --runtime ${runtime} --seed ${seed} --seconds ${seconds}`,
  );
  return violations.length === 0;
}

/** One fault, or two that can happen at the same time. */
function choose(random: Random): readonly Fault[] {
  const first = random.pick(faults);
  if (random.chance(0.5)) return [first];
  // A fault that explains nothing must not profit from the other one: neither of them explains anything then.
  const second = random.pick(faults.filter(({ place }) => place !== first.place));
  // The list of the database's processes is read before it becomes unresponsive.
  return second.place === 'database' ? [second, first] : [first, second];
}

/** Whether a new client can log in, write and read. */
async function works(address: RawClient['address']): Promise<void> {
  const client = await RawClient.login(address);
  try {
    await client.rows('BEGIN');
    await client.rows('INSERT INTO journal VALUES (-1, -1)');
    await client.rows('ROLLBACK');
  } finally {
    client.destroy();
  }
}

/** Acknowledged rows that are missing, duplicated rows, and rows that should not exist. */
async function lost(database: Postgres, all: readonly ChaosClient[]): Promise<readonly string[]> {
  const rows = await database.query<{ client: number; n: number; times: number }>(
    'SELECT client, n, count(*)::int AS times FROM journal GROUP BY client, n',
  );
  const found = new Map(rows.map(({ client, n, times }) => [`${client} ${n}`, times]));
  const missing = all.flatMap(({ acknowledged }, id) =>
    acknowledged.filter((n) => !found.has(`${id} ${n}`)).map((n) => `row ${id} ${n} is lost`),
  );
  const twice = rows
    .filter(({ times }) => times > 1)
    .map(({ client, n }) => `row ${client} ${n} is there twice`);
  const stray = rows
    .filter(({ n }) => n < 0)
    .map(({ client, n }) => `row ${client} ${n} should not be there`);
  const kept = all.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
  console.log(`${kept} rows acknowledged, ${rows.length} there`);
  return [...missing, ...twice, ...stray];
}

async function descriptors(sluice: Sluice): Promise<number> {
  return (await readdir(`/proc/${sluice.pid}/fd`)).length;
}

function isReset(error: unknown): boolean {
  const { code, cause } = error as { readonly code?: string; readonly cause?: unknown };
  return (
    ['ECONNRESET', 'ECONNREFUSED', 'EPIPE'].includes(code ?? '') ||
    cause instanceof ConnectionClosed
  );
}

function clockOf(began: number): string {
  return `${Math.round((performance.now() - began) / 1000)} s`.padStart(6);
}
