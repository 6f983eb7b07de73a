/**
 * The program that keeps idle clients open. It is a separate process, so that their memory does not count as the
 * benchmark's. Each client logs in, runs one statement, so that it has used what a client uses, and becomes idle.
 *
 * It receives `{ address, tls, clients }` over IPC, opens clients up to `clients`, and answers with `{ clients }` or an
 * `{ error }`.
 */
import { Client } from 'pg';
import type { Answer, Order } from './idle-clients.ts';

/** Concurrent logins: enough to be quick, and few enough for any listen backlog. */
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
