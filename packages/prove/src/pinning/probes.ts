import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { DatabasePath } from '../claims/run.ts';
import type { Pinning } from '../report/schema.ts';

/** A kind of session state, and how to detect it. */
interface Probe {
  readonly tried: string;
  readonly leave: string;
  /** One row with one boolean. An error counts as false. */
  readonly check: string;
  readonly clear: string;
}

/** Marks every statement of the probes, so that none of them counts as one of the application. */
export const ownMark = 'sluice_prove';

/** The kinds of state that are tried, except LISTEN, which is detected by a notification. */
export const probes: readonly Probe[] = [
  {
    tried: 'a parameter (SET)',
    leave: "SET sluice_prove.probe = 'left'",
    check: "SELECT current_setting('sluice_prove.probe', true) = 'left' AS found",
    clear: 'RESET sluice_prove.probe',
  },
  {
    tried: 'a temporary table',
    leave: 'CREATE TEMPORARY TABLE sluice_prove_probe (n int)',
    check: "SELECT to_regclass('pg_temp.sluice_prove_probe') IS NOT NULL AS found",
    clear: 'DROP TABLE IF EXISTS pg_temp.sluice_prove_probe',
  },
  {
    tried: 'an advisory lock',
    leave: 'SELECT pg_advisory_lock(7215462, 1) AS sluice_prove',
    check:
      "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 7215462 AND pid = pg_backend_pid()) AS found",
    clear: 'SELECT pg_advisory_unlock(7215462, 1) AS sluice_prove',
  },
  {
    tried: 'a SQL-level prepared statement',
    leave: 'PREPARE sluice_prove_probe AS SELECT true AS found',
    check: 'EXECUTE sluice_prove_probe',
    clear: 'DEALLOCATE sluice_prove_probe',
  },
];

/** The timeout of a response, in milliseconds. With a pool of one connection, the second session waits. */
const patienceMs = 3000;

/**
 * Creates state in one session and looks for it in that session, and in another session that has the server connection
 * of the first one. Then removes the state in both.
 */
export async function probePath(path: DatabasePath): Promise<Pinning['measured']> {
  const [one, other] = [await connect(path), await connect(path)];
  const results: Pinning['measured'] = [];
  try {
    for (const probe of probes) {
      await one.query(probe.leave);
      // If there is a pool, the other session gets the connection that has just become free.
      await other.query('BEGIN');
      const seenByOthers = await found(other, `SAVEPOINT before`, probe.check);
      const kept = await found(one, undefined, probe.check);
      await clear([one, other], probe.clear);
      results.push({ path: path.name, tried: probe.tried, kept, seenByOthers });
    }
    results.push(await probeListen(path, one, other));
    return results;
  } finally {
    await Promise.all([one, other].map((client) => client.end().catch(() => undefined)));
  }
}

async function connect(path: DatabasePath): Promise<Client> {
  const client = new Client({
    connectionString: path.url(),
    connectionTimeoutMillis: 10_000,
    query_timeout: patienceMs,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function found(client: Client, before: string | undefined, check: string): Promise<boolean> {
  if (before !== undefined) await client.query(before);
  try {
    const { rows } = await client.query<{ found: boolean }>(check);
    return rows[0]?.found === true;
  } catch {
    return false;
  } finally {
    if (before !== undefined) await client.query('ROLLBACK TO before').catch(() => undefined);
  }
}

/** Both in transactions at the same time, so that a pool has to use both server connections. */
async function clear(clients: readonly Client[], statement: string): Promise<void> {
  for (const client of clients) await client.query('ROLLBACK').catch(() => undefined);
  for (const client of clients) await client.query('BEGIN').catch(() => undefined);
  for (const client of clients) {
    await client.query('SAVEPOINT before').catch(() => undefined);
    await client
      .query(statement)
      .catch(() => client.query('ROLLBACK TO before').catch(() => undefined));
  }
  for (const client of clients) await client.query('COMMIT').catch(() => undefined);
}

async function probeListen(
  path: DatabasePath,
  one: Client,
  other: Client,
): Promise<Pinning['measured'][number]> {
  const arrived = { one: false, other: false };
  one.on('notification', () => (arrived.one = true));
  other.on('notification', () => (arrived.other = true));
  await one.query('LISTEN sluice_prove_probe');
  await other.query('NOTIFY sluice_prove_probe');
  const deadline = performance.now() + 500;
  while (!arrived.one && performance.now() < deadline) await delay(10);
  await clear([one, other], 'UNLISTEN sluice_prove_probe');
  return {
    path: path.name,
    tried: 'a channel (LISTEN)',
    kept: arrived.one,
    seenByOthers: arrived.other,
  };
}
