import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onEachRoute } from '../helpers/routes.ts';
import type { Route } from '../helpers/routes.ts';
import { runStorm } from './storm.ts';
import type { Fault } from './storm.ts';

/** Statements on each runtime; together a million. `npm run test:soak` has 50 million. */
const statements = 500_000;

/** A server process is terminated; the proxy is paused, and resumed; its settings are read again, and those of the server. */
function faultsOf(route: Route): readonly Fault[] {
  const { database, sluice } = route;
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
    { every: 900, strike: async () => sluice.signal('SIGHUP'), explains: [] },
    { every: 1100, strike: () => database.query('SELECT pg_reload_conf()'), explains: [] },
  ];
}

onEachRoute(
  'nobody gets the rows of another',
  { settings: { PoolSize: 6, Interleaving: 'always' }, routes: ['node', 'bun'] },
  (route) => {
    test(`${statements} statements with tokens, under faults`, async () => {
      const {
        statements: run,
        byKind,
        errors,
        wrong,
      } = await runStorm(route().address, statements, faultsOf(route()));
      assert.deepEqual(wrong, []);
      assert(run >= statements);
      for (const kind of ['read', 'prepared', 'parsed', 'error', 'transaction', 'long', 'leave'])
        assert((byKind[kind] ?? 0) > statements / 2000, JSON.stringify(byKind));
      const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
      assert(failed < statements / 100, JSON.stringify(errors));
      const shared = await route().sluice.metric('sluice_cycles_shared_total');
      assert(shared > statements / 2, `${shared} cycles were shared`);
    });
  },
);
