/*
 * Hostile clients and databases, case by case: `node test/hostile/fuzz/main.ts [cases] [seed]`.
 *
 *   --side client|database   who is hostile. Default: both
 *   --runtime node|bun       the runtime of the daemon. Default: both
 *   --processes N            how many daemons are attacked at the same time, each by a separate process. Default: 2
 *
 * Stores failures, shrunk, in corpus/, and exits with 1 then.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Runtime } from '../../helpers/runtime.ts';
import type { Batch, Outcome } from './batch.ts';
import type { Side } from './make-case.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    side: { type: 'string' },
    runtime: { type: 'string' },
    processes: { type: 'string', default: '2' },
  },
});
const [cases = 1_000_000, firstSeed = Date.now() % 1_000_000_000] = positionals.map(Number);
const sides = (['client', 'database'] as const).filter((side) =>
  [undefined, side].includes(values.side as Side),
);
const runtimes = (['node', 'bun'] as const).filter((runtime) =>
  [undefined, runtime].includes(values.runtime as Runtime),
);
/** Cases of one daemon. */
const longest = 10_000;

/** The batches to run, with the kinds in turn, so that an interrupted run has tried some of each. */
function batches(): Batch[] {
  const kinds = sides.flatMap((side) => runtimes.map((runtime) => ({ side, runtime })));
  const share = Math.ceil(cases / kinds.length);
  const made: Batch[] = [];
  for (let at = 0; at < share; at += longest) {
    // Every other daemon shares server connections between reads of several sessions.
    const interleaving = Math.floor((firstSeed + at) / longest) % 2 === 1;
    for (const kind of kinds)
      made.push({
        ...kind,
        interleaving,
        firstSeed: firstSeed + at,
        count: Math.min(longest, share - at),
      });
  }
  return made;
}

async function play(batch: Batch): Promise<Outcome> {
  const child = fork(path.join(import.meta.dirname, 'batch.ts'), [JSON.stringify(batch)]);
  const result = once(child, 'message').then(([outcome]) => outcome as Outcome);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`a batch ended with ${code}: ${JSON.stringify(batch)}`);
  return result;
}

let findings = 0;
let played = 0;
const tally = new Map<string, number>();
const began = performance.now();
const waiting = batches();

async function work(): Promise<void> {
  for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
    const { side, runtime, interleaving } = batch;
    const outcome = await play(batch);
    played += outcome.played;
    const kind = `${side} ${runtime}`;
    tally.set(kind, (tally.get(kind) ?? 0) + outcome.played);
    if (outcome.finding !== null) {
      findings += 1;
      console.log(`${outcome.finding.why}\n  kept in ${outcome.finding.file}`);
    }
    const rate = Math.round((played / (performance.now() - began)) * 60_000);
    console.log(
      `${side}, ${runtime}${interleaving ? ', interleaving' : ''}, seeds from ${batch.firstSeed}: ${played} of ${cases} cases, ${rate} a minute, ${findings} findings; ${outcome.answered} sessions answered afterwards, ${outcome.ended} did not, ${outcome.lies} lies`,
    );
  }
}

await Promise.all(Array.from({ length: Number(values.processes) }, work));
for (const [kind, count] of tally) console.log(`${kind}: ${count} cases`);
console.log(`these cases again: node test/hostile/fuzz/main.ts ${cases} ${firstSeed}`);
process.exitCode = findings === 0 ? 0 : 1;
