import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lengthOf } from '../helpers/extent.ts';
import { onEachRoute } from '../helpers/routes.ts';
import { faultsOf, runStorm } from './storm.ts';

/** Statements on each runtime; together 60,000, or 200,000. `npm run test:soak` has 50 million. */
const statements = lengthOf(30_000, 100_000);

onEachRoute(
  'no client gets the rows of another',
  { settings: { PoolSize: 6, Interleaving: 'always' }, routes: ['node', 'bun'] },
  (route) => {
    test(`${statements} statements with tokens, under faults`, async () => {
      const {
        statements: run,
        byKind,
        errors,
        wrong,
      } = await runStorm(route().address, statements, faultsOf(route().database, route().sluice));
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
