import { setTimeout as pause } from 'node:timers/promises';
import type { Postgres } from '@sluice/testkit';
import type { Sluice } from '../helpers/sluice.ts';
import type { Address } from '../helpers/raw-client.ts';
import { StormClient } from './storm-client.ts';
import type { Kind, Storm } from './storm-client.ts';

/** Faults during a storm, each at its interval in milliseconds. */
export interface Fault {
  readonly every: number;
  /** Causes it; `explains` has the SQLSTATEs that it explains. */
  readonly strike: () => Promise<unknown>;
  readonly explains: readonly string[];
}

/** Terminates a server process; pauses and resumes the proxy; reloads its settings, and those of the server. */
export function faultsOf(database: Postgres, sluice: Sluice): readonly Fault[] {
  return [
    {
      every: 400,
      strike: () =>
        database.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE backend_type = 'client backend' AND application_name <> 'sluice health check' AND pid <> pg_backend_pid()
           ORDER BY random() LIMIT 1`,
        ),
      explains: ['08006', '57P01', '25P02', '40001'],
    },
    {
      every: 1500,
      strike: async () => {
        await sluice.admin('/pause', 'POST');
        await sluice.admin('/resume', 'POST');
      },
      explains: [],
    },
    {
      every: 900,
      strike: () => {
        sluice.signal('SIGHUP');
        return Promise.resolve();
      },
      explains: [],
    },
    { every: 1100, strike: () => database.query('SELECT pg_reload_conf()'), explains: [] },
  ];
}

/** The result of a storm. */
export interface StormResult {
  readonly statements: number;
  readonly byKind: Readonly<Record<string, number>>;
  /** Errors that the faults explain, by SQLSTATE. */
  readonly errors: Readonly<Record<string, number>>;
  /** The wrong replies, one sentence each. */
  readonly wrong: readonly string[];
}

/** The number of clients. */
const clientCount = 48;
/** The interval of cancel requests, in milliseconds. */
const cancelInterval = 25;
/**
 * A cancel request was effective in time, or it hit the statement after the intended one, which happens on a direct
 * connection, too.
 */
const canceled = '57014';

/**
 * Many clients under faults, each with tokens in all its statements. A reply with the token of another client, or of an
 * earlier statement, is wrong, and so is every error that no fault explains.
 */
export async function runStorm(
  address: Address,
  statements: number,
  faults: readonly Fault[],
  progress: (answered: number) => void = () => undefined,
): Promise<StormResult> {
  const byKind: Record<string, number> = {};
  const wrong: string[] = [];
  const allowed = new Map(
    [canceled, ...faults.flatMap(({ explains }) => explains)].map((state) => [state, 0]),
  );
  let left = statements;
  const storm: Storm = {
    allowed,
    answered(kind: Kind): boolean {
      byKind[kind] = (byKind[kind] ?? 0) + 1;
      left--;
      if (left % 100_000 === 0) progress(statements - left);
      return left > 0 && wrong.length === 0;
    },
    wrong: (what) => void wrong.push(what),
  };
  const clients = Array.from(
    { length: clientCount },
    (_, number) => new StormClient(address, number, storm),
  );
  const over = new AbortController();
  const again = async (
    every: number,
    strike: (turn: number) => Promise<unknown>,
  ): Promise<void> => {
    for (let turn = 0; !over.signal.aborted; turn++) {
      await pause(every, undefined, { signal: over.signal }).catch(() => undefined);
      // The connection that causes faults may be hit itself.
      if (!over.signal.aborted) await strike(turn).catch(() => undefined);
    }
  };
  const striking = Promise.all([
    again(cancelInterval, async (turn) => clients[(turn * 7) % clientCount]?.cancel()),
    ...faults.map(({ every, strike }) => again(every, strike)),
  ]);
  try {
    await Promise.all(clients.map((client) => client.run()));
  } finally {
    over.abort();
    await striking;
  }
  return { statements: statements - left, byKind, errors: Object.fromEntries(allowed), wrong };
}
