import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { failoverKinds } from '@sluice/lab';
import { plotOf, tableOf } from './report.ts';
import { runRound } from './round.ts';
import type { RoundResult } from './round.ts';
import { Stage } from './stage.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    kind: { type: 'string', multiple: true, default: [...failoverKinds] },
    idle: { type: 'string', default: '500' },
  },
});
const kinds = failoverKinds.filter((kind) => values.kind.includes(kind));
const results: RoundResult[] = [];
const stage = await Stage.start(Number(values.idle));
let idleAlive = 0;
try {
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const kind of kinds) {
      const result = await runRound(stage, kind);
      results.push(result);
      const { promotion, detection, sluice, direct } = result;
      process.stdout.write(
        `${kind} ${round}: promotion ${promotion} ms, detection ${detection} ms, longest gap ${sluice.gap} ms (direct ${direct.gap} ms)\n`,
      );
    }
  }
  idleAlive = await stage.idleAlive();
} finally {
  await stage.stop();
}
const idle = `idle clients: ${idleAlive} of ${values.idle} answered after all rounds, ${stage.idleErrors} errors`;
const table = tableOf(results);
process.stdout.write(`\n${table}\n${idle}\n`);
const folder = path.join(import.meta.dirname, '../results');
await mkdir(folder, { recursive: true });
await writeFile(path.join(folder, 'failover.json'), `${JSON.stringify({ idle, results })}\n`);
await writeFile(path.join(folder, 'failover.svg'), plotOf(results));
await writeFile(path.join(folder, 'failover.md'), `${table}\n${idle}\n`);
