/** `npm run bench:compare -- [BASELINE] CURRENT`: exit code 1 if something regressed. See docs/benchmarks.md. */
import path from 'node:path';
import { compare, defaultThresholds } from './compare.ts';
import type { Change } from './compare.ts';
import { formatTable } from './report.ts';
import { readResult } from './results.ts';

const header = 'case|target|measure|before|after|gain|'.split('|');

function row({ name, target, measure, before, after, gain, regressed }: Change): string[] {
  const decimals = measure === 'memory' ? 0 : 2;
  return [
    name,
    target,
    measure,
    before.toFixed(decimals),
    after.toFixed(decimals),
    `${(gain * 100).toFixed(1)} %`,
    regressed ? 'WORSE' : '',
  ];
}

async function main(files: readonly string[]): Promise<number> {
  const current = files.at(-1);
  if (current === undefined || files.length > 2) {
    console.error('usage: npm run bench:compare -- [BASELINE.json] CURRENT.json');
    return 2;
  }
  const baseline =
    files.length === 2 ? (files[0] ?? '') : path.join(import.meta.dirname, 'baseline.json');
  const changes = compare(await readResult(baseline), await readResult(current));
  if (changes.length === 0) {
    console.error('The two runs have nothing in common that could be compared.');
    return 2;
  }
  console.log(formatTable(header, changes.map(row)));
  const { tps, cpu, memory } = defaultThresholds;
  const worse = changes.filter(({ regressed }) => regressed).length;
  console.log(
    `\n${worse} of ${changes.length} became worse by more than allowed ` +
      `(tps ${tps * 100} %, cpu ${cpu * 100} %, memory ${memory * 100} %)`,
  );
  return worse === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 2;
});
