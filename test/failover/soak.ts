/*
 * Repeated failovers, of random kinds and at random moments, while clients write numbered rows: `node
 * test/failover/soak.ts [minutes]`, a part of `npm run test:soak`. Every acknowledged row must exist once, no other row
 * may exist twice, and a client may only lose what an error has reported. Exits with 1 otherwise.
 */
import { failOver, failoverKinds, repairCluster } from '@sluice/testkit';
import type { Client } from 'pg';
import { Outage } from './outage.ts';

const minutes = Number(process.argv[2] ?? 10);
const undo: (() => void | Promise<void>)[] = [];
const outage = await Outage.start({ after: (clean) => void undo.push(clean) });
const { cluster } = outage;
const deadline = performance.now() + minutes * 60_000;
const acknowledged: number[] = [];
/** SQLSTATEs that clients may get, and how often they occurred. */
const errors = new Map<string, number>();
let nextId = 1;
const stopping = new AbortController();

/** What an error means for the row: it does not exist, it may exist, or the error was not allowed. */
function judge(error: unknown, inTransaction: boolean): void {
  const { code = String(error) } = error as { readonly code?: string };
  errors.set(code, (errors.get(code) ?? 0) + 1);
  const allowed = inTransaction ? ['40001', '08006'] : ['08006'];
  if (!allowed.includes(code)) throw error;
}

/** Writes rows in one of three ways in turn, until it is stopped. */
async function write(client: Client): Promise<void> {
  for (let turn = 0; !stopping.signal.aborted; turn++) {
    const id = nextId++;
    const inTransaction = turn % 3 === 2;
    try {
      if (turn % 3 === 0) await client.query(`INSERT INTO kept VALUES (${id})`);
      else if (!inTransaction) await client.query('INSERT INTO kept VALUES ($1)', [id]);
      else {
        await client.query('BEGIN');
        await client.query('INSERT INTO kept VALUES ($1)', [id]);
        await client.query('COMMIT');
      }
      acknowledged.push(id);
    } catch (error) {
      judge(error, inTransaction);
      if (inTransaction) await client.query('ROLLBACK');
    }
  }
}

/** Reads must never fail. */
async function read(client: Client): Promise<void> {
  while (!stopping.signal.aborted) await client.query('SELECT count(*) FROM kept');
}

const clients = await Promise.all(Array.from({ length: 12 }, () => outage.client()));
const load = Promise.all(clients.map((client, at) => (at < 8 ? write(client) : read(client))));
const failed = load.then(
  () => null,
  (error: unknown) => error,
);
let rounds = 0;
while (performance.now() < deadline && (await Promise.race([failed, settled()])) === null) {
  await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 2000));
  const kind = failoverKinds[Math.floor(Math.random() * failoverKinds.length)] ?? 'kill';
  const former = await failOver(cluster, kind, {
    network: (server) => outage.network(server),
    pause: async () => {
      while (!((await outage.post('/pause')) as { readonly quiet: boolean }).quiet);
    },
    resume: async () => void (await outage.post('/resume')),
  });
  await outage.until(({ writer }) => writer === outage.nameOf(cluster.primary));
  await repairCluster(cluster, former, outage.network(former));
  rounds++;
  console.log(`${rounds}: ${kind}; ${acknowledged.length} rows acknowledged`);
}
stopping.abort();
const error = await failed;
const rows = await cluster.primary.query<{ id: number }>('SELECT id FROM kept');
const there = new Set(rows.map(({ id }) => id));
const lost = acknowledged.filter((id) => !there.has(id));
console.log(
  `${rounds} fail-overs, ${acknowledged.length} rows acknowledged, ${lost.length} lost; errors: ` +
    ([...errors].map(([code, count]) => `${count} ${code}`).join(', ') || 'none'),
);
for (const clean of undo.toReversed()) await clean();
if (error !== null) console.log(error);
process.exitCode = error === null && lost.length === 0 ? 0 : 1;

/** Null immediately: no error yet. */
function settled(): Promise<null> {
  return Promise.resolve(null);
}
