import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { failoverKinds } from '@sluice/testkit';
import { idleOf, plotOf, tableOf } from './report.ts';
import type { Run } from './report.ts';
import { runRound } from './round.ts';
import type { RoundResult } from './round.ts';
import { Stage } from './stage.ts';

/*
 * Repeated failovers under load. Each call adds its rounds to those in bench/results/failover.json and writes the table
 * and the plot of all of them, so that a long measurement can be split. `--fresh` starts again.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    kind: { type: 'string', multiple: true, default: [...failoverKinds] },
    idle: { type: 'string', default: '500' },
    fresh: { type: 'boolean', default: false },
  },
});
const unknown = values.kind.find((kind) => !failoverKinds.some((known) => known === kind));
if (unknown !== undefined)
  throw new Error(`--kind is "${unknown}"; it must be one of ${failoverKinds.join(', ')}`);
const kinds = failoverKinds.filter((kind) => values.kind.includes(kind));

const folder = path.join(import.meta.dirname, '../results');
const file = path.join(folder, 'failover.json');
await mkdir(folder, { recursive: true });
if (values.fresh) await rm(file, { force: true });
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the file of an earlier run of this program
const runs: Run[] = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Run[]) : [];

/** Adds a measurement to the existing ones; after each round, so that an interrupted measurement is not lost. */
async function save(run: Run): Promise<string> {
  const all = [...runs, run];
  const results = all.flatMap(({ rounds }) => rounds);
  const report = `${tableOf(results)}\n${idleOf(all)}\n`;
  await writeFile(file, `${JSON.stringify(all)}\n`);
  await writeFile(path.join(folder, 'failover.svg'), plotOf(results));
  await writeFile(path.join(folder, 'failover.md'), report);
  return report;
}

const rounds: RoundResult[] = [];
const stage = await Stage.start(Number(values.idle));
try {
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const kind of kinds) {
      const result = await runRound(stage, kind);
      rounds.push(result);
      await save({ rounds, idle: null });
      const { promotion, detection, sluice, direct } = result;
      process.stdout.write(
        `${kind} ${round}: promotion ${promotion} ms, detection ${detection} ms, longest gap ${sluice.gap} ms (direct ${direct.gap} ms)\n`,
      );
    }
  }
  const idle = {
    clients: Number(values.idle),
    answered: await stage.idleAlive(),
    errors: stage.idleErrors,
  };
  process.stdout.write(`\n${await save({ rounds, idle })}`);
} finally {
  await stage.stop();
}
