/**
 * The program that holds idle clients open, in a process of its own so that their memory is not the benchmark's.
 * Each logs in, runs one statement, so that it has used what a client uses, and falls silent.
 *
 * By IPC it is told `{ address, tls, clients }`, brings the number of open clients up to `clients`, and answers
 * `{ clients }`, or `{ error }`.
 */
import { Client } from 'pg';
import type { Answer, Order } from './idle-clients.ts';

/** Logins at once: enough to be quick, and few enough for any listen backlog. */
const parallel = 32;

const open: Client[] = [];

async function openOne({ address, tls }: Order): Promise<void> {
  const client = new Client({ ...address, ssl: tls && { rejectUnauthorized: false } });
  client.on('error', (error) => answer({ error: `an idle client was cut off: ${error.message}` }));
  open.push(client);
  await client.connect();
  await client.query('SELECT 1');
}

async function openAll(order: Order): Promise<void> {
  const worker = async (): Promise<void> => {
    while (open.length < order.clients) await openOne(order);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

function answer(message: Answer): void {
  process.send?.(message);
}

process.on('message', (order: Order) => {
  openAll(order).then(
    () => answer({ clients: open.length }),
    (error: unknown) => answer({ error: String(error) }),
  );
});
process.once('disconnect', () => process.exit());
