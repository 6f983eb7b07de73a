/*
 * Compares a pool with direct connections over very many statements: `npm run test:soak -- [statements] [seed]`.
 * Prints every difference it finds, shrunk, and ends with 1 if there was one.
 */
import fc from 'fast-check';
import type { Lane } from './lane.ts';
import type { Pace } from './play.ts';
import { looksTheSame } from './property.ts';
import type { Script } from './script.ts';
import { Stage } from './stage.ts';

const [wanted = 1_000_000, firstSeed = Date.now() % 1_000_000_000] = process.argv
  .slice(2)
  .map(Number);
/** Scripts between two lines of progress, each batch with a seed of its own and a fresh pool. */
const batch = 500;

const since = performance.now();
let statements = 0;
let scripts = 0;
let findings = 0;
let seed = firstSeed;

const stage = await Stage.open();
try {
  await Promise.all([1, 2, 3].map(soak));
} finally {
  await stage.close();
}
console.log(
  `${statements} statements in ${scripts} scripts, ${Math.round(minutes())} minutes: ${findings} differences; ` +
    `these scripts again with: node test/equivalence/soak.ts ${wanted} ${firstSeed}`,
);
process.exitCode = findings === 0 ? 0 : 1;

/** Since the beginning. */
function minutes(): number {
  return (performance.now() - since) / 60_000;
}

async function soak(connections: number): Promise<void> {
  let lane = await stage.pooledLane(connections);
  while (statements < wanted) {
    const before = lane.groups;
    const outcome = await check(lane);
    statements += lane.groups - before;
    scripts += outcome.numRuns;
    if (outcome.failed) {
      findings += 1;
      const { seed, counterexamplePath, errorInstance } = outcome;
      console.log(`seed ${seed}, path ${counterexamplePath}: ${String(errorInstance)}`);
      lane = await stage.pooledLane(connections);
    }
    const rate = statements / minutes();
    const left = Math.ceil(Math.max(0, wanted - statements) / rate);
    console.log(
      `${statements} of ${wanted} statements, ${Math.round(rate)} a minute, ${left} minutes left, ${findings} differences`,
    );
  }
}

function check(lane: Lane): Promise<fc.RunDetails<[Script, Pace]>> {
  seed += 1;
  return fc.check(looksTheSame(lane), { numRuns: batch, seed });
}
