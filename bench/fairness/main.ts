/*
 * How much a client that floods slows the others: `node bench/fairness/main.ts [--seconds N]`, on a machine with nothing
 * else to do. Ten clients read, alone and beside each flood; prints their p50 and p99 in milliseconds, in Markdown.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startDatabase } from '../../test/helpers/database.ts';
import { RawClient } from '../../test/helpers/raw-client.ts';
import type { Address } from '../../test/helpers/raw-client.ts';
import { Sluice } from '../../test/helpers/sluice.ts';

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '4' } } });
const seconds = Number(values.seconds);
const kinds = ['sync', 'flush', 'pipeline', 'tiny packets', 'cancels', 'logins'];
const flood = path.join(import.meta.dirname, 'flood.ts');

interface Latency {
  readonly p50: number;
  readonly p99: number;
}

async function measure(address: Address): Promise<Latency> {
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  const read = async (): Promise<void> => {
    const client = await RawClient.login(address);
    while (performance.now() < end) {
      const began = performance.now();
      await client.rows('SELECT 1');
      times.push(performance.now() - began);
      await delay(5);
    }
    client.destroy();
  };
  await Promise.all(Array.from({ length: 10 }, read));
  times.sort((one, other) => one - other);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

const cell = ({ p50, p99 }: Latency): string => `${p50.toFixed(1)} / ${p99.toFixed(1)}`;

console.log(`| flood | ${['direct', 'node', 'bun'].join(' | ')} |\n| --- | --- | --- | --- |`);
const database = await startDatabase();
const { user, password, database: name } = database;
const daemons = {
  node: await Sluice.start(database, { PoolSize: 20 }, 'node'),
  bun: await Sluice.start(database, { PoolSize: 20 }, 'bun'),
};
try {
  for (const kind of ['none', ...kinds]) {
    const cells: string[] = [];
    for (const { host, port } of [database, daemons.node, daemons.bun]) {
      const address = { host, port, user, password, database: name };
      const child =
        kind === 'none'
          ? null
          : spawn(process.execPath, [flood, kind, JSON.stringify(address)], { stdio: 'inherit' });
      if (child !== null) await delay(500);
      cells.push(cell(await measure(address)));
      if (child === null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
      await delay(500);
    }
    console.log(`| ${kind} | ${cells.join(' | ')} |`);
  }
} finally {
  await daemons.node.kill();
  await daemons.bun.kill();
  await database.stop('immediate');
}
