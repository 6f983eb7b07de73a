/*
 * The storm of storm.test.ts, for longer: `node test/interleaving/soak.ts [statements]`, a part of `npm run test:soak`.
 * A daemon on each runtime gets half of the statements. Exits with 1 if any client got a wrong reply.
 *
 *   --interleaving MODE  of the daemons: always (the default), auto or off
 *   --runtime node|bun   only this one
 */
import { parseArgs } from 'node:util';
import type { Runtime } from '../helpers/runtime.ts';
import { startDatabase } from '../helpers/database.ts';
import { Sluice } from '../helpers/sluice.ts';
import { faultsOf, runStorm } from './storm.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { interleaving: { type: 'string', default: 'always' }, runtime: { type: 'string' } },
});
const [statements = 50_000_000] = positionals.map(Number);
const runtimes = (['node', 'bun'] as const).filter((runtime) =>
  [undefined, runtime].includes(values.runtime as Runtime),
);
const database = await startDatabase();
let isWrong = false;
try {
  for (const runtime of runtimes) {
    const settings = { PoolSize: 6, Interleaving: values.interleaving };
    const sluice = await Sluice.start(database, settings, runtime);
    const { host, port } = sluice;
    const { user, password, database: name } = database;
    const since = performance.now();
    const result = await runStorm(
      { host, port, user, password, database: name },
      Math.ceil(statements / runtimes.length),
      faultsOf(database, sluice),
      (answered) => {
        const rate = Math.round((answered / (performance.now() - since)) * 1000);
        console.log(`${runtime}: ${answered} statements, ${rate} in a second`);
      },
    );
    console.log(`${runtime}: ${JSON.stringify(result)}`);
    if (result.wrong.length > 0) isWrong = true;
    await sluice.stop();
  }
} finally {
  await database.stop('immediate');
}
process.exitCode = isWrong ? 1 : 0;
