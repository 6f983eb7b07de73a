import type { TargetName } from '../results.ts';
import { startPgbouncer } from './pgbouncer.ts';
import { startSluice } from './sluice.ts';
import type { Target, TargetSetup } from './target.ts';

/** Starts a target. `pgbouncer` is the program, which only the target of that name needs. */
export async function startTarget(
  name: TargetName,
  setup: TargetSetup,
  pgbouncer: string | undefined,
): Promise<Target> {
  if (name === 'sluice-node') return startSluice('node', setup);
  if (name === 'sluice-bun') return startSluice('bun', setup);
  if (name === 'direct') {
    const { user, password, database } = setup.postgres;
    const { host, port } = setup.database;
    const address = { host, port, user, password, database };
    return { name, address, stop: () => Promise.resolve() };
  }
  if (pgbouncer === undefined) throw new Error('the target pgbouncer needs PGBOUNCER=path');
  return startPgbouncer(pgbouncer, setup);
}
