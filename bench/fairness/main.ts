/*
 * How much a flooding client slows the others: `node bench/fairness/main.ts [--seconds N] [--rounds N] [--floods A,B]`,
 * on an idle machine. Ten clients read, alone and during each flood, in alternating rounds. Prints their p50 and p99 in
 * milliseconds, and the ratio of the p99 to that without a flood, in Markdown.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { makeCertificate } from '@sluice/testkit';
import { startDatabase } from '../../test/helpers/database.ts';
import { RawClient } from '../../test/helpers/raw-client.ts';
import type { Address } from '../../test/helpers/raw-client.ts';
import { Sluice } from '../../test/helpers/sluice.ts';

const allFloods =
  'sync,flush,pipeline,tiny packets,cancels,logins,wrong passwords,wrong passwords in clear,TLS handshakes';
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    floods: { type: 'string', default: allFloods },
  },
});
const seconds = Number(values.seconds);
const kinds = ['none', ...values.floods.split(',')];
const flood = path.join(import.meta.dirname, 'flood.ts');
/** For certificates, and for the Unix sockets of the daemons. */
const folder = await mkdtemp(path.join(tmpdir(), 'sluice-fairness-'));

/** The times of ten clients' reads, in milliseconds. */
async function measure(address: Address): Promise<number[]> {
  const times: number[] = [];
  const clients = await Promise.all(Array.from({ length: 10 }, () => RawClient.login(address)));
  const end = performance.now() + seconds * 1000;
  const read = async (client: RawClient): Promise<void> => {
    while (performance.now() < end) {
      const began = performance.now();
      await client.rows('SELECT 1');
      times.push(performance.now() - began);
      await delay(5);
    }
    client.destroy();
  };
  await Promise.all(clients.map(read));
  return times;
}

/** The times of each path during each flood. */
const all = new Map<string, number[]>();

/** Measures a path during a flood. */
async function measureBeside(kind: string, address: Address): Promise<number[]> {
  if (kind === 'none') return measure(address);
  const child = spawn(process.execPath, [flood, kind, JSON.stringify({ ...address, folder })], {
    stdio: 'inherit',
  });
  try {
    await delay(500);
    return await measure(address);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
    await delay(500);
  }
}

function quantile(times: readonly number[], share: number): number {
  return times.toSorted((one, other) => one - other)[Math.floor(times.length * share)] ?? 0;
}

function cell(kind: string, name: string): string {
  const times = all.get(`${kind} ${name}`);
  if (times === undefined) return '–';
  const p99 = quantile(times, 0.99);
  const times99 = p99 / quantile(all.get(`none ${name}`) ?? [], 0.99);
  const slower = kind === 'none' ? '' : ` (${times99.toFixed(1)} ×)`;
  return `${quantile(times, 0.5).toFixed(1)} / ${p99.toFixed(1)}${slower}`;
}

const { cert, key } = await makeCertificate();
await writeFile(path.join(folder, 'server.crt'), cert);
await writeFile(path.join(folder, 'server.key'), key, { mode: 0o600 });
const database = await startDatabase({
  tls: { cert, key },
  parameters: { max_connections: '300' },
});
const { user, password, database: name } = database;
const settings = {
  PoolSize: 20,
  TargetTlsMode: 'disable',
  TlsCertFile: path.join(folder, 'server.crt'),
  TlsKeyFile: path.join(folder, 'server.key'),
  ListenSocket: folder,
  ClientAuth: [{ Type: 'local', Method: 'password' }, { Method: 'scram-sha-256' }],
};
const daemons = [
  await Sluice.start(database, settings, 'node'),
  await Sluice.start(database, settings, 'bun'),
] as const;
const paths = { Direct: database, 'Node.js': daemons[0], Bun: daemons[1] };
try {
  // The first round is a warm-up.
  for (let round = 0; round <= Number(values.rounds); round += 1) {
    for (const kind of round === 0 ? ['none'] : kinds) {
      for (const [route, { host, port }] of Object.entries(paths)) {
        // The database has no passwords in clear.
        if (route === 'Direct' && kind === 'wrong passwords in clear') continue;
        const times = await measureBeside(kind, { host, port, user, password, database: name });
        if (round === 0) continue;
        const key = `${kind} ${route}`;
        all.set(key, [...(all.get(key) ?? []), ...times]);
      }
    }
  }
} finally {
  for (const daemon of daemons) await daemon.kill();
  await database.stop('immediate');
  await rm(folder, { recursive: true });
}
const names = Object.keys(paths);
console.log(`| flood | ${names.join(' | ')} |\n| --- |${' --- |'.repeat(names.length)}`);
for (const kind of kinds)
  console.log(`| ${kind} | ${names.map((one) => cell(kind, one)).join(' | ')} |`);
