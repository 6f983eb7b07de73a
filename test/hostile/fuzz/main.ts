/*
 * Hostile clients and databases, case by case: `node test/hostile/fuzz/main.ts [cases] [seed]`.
 *
 *   --side client|database   who is hostile. Default: both
 *   --runtime node|bun       what the daemon runs on. Default: both
 *
 * Keeps what fails, shrunk, in corpus/, and ends with 1 then.
 */
import { parseArgs } from 'node:util';
import type { Runtime } from '../../helpers/runtime.ts';
import { Fuzz } from './fuzz.ts';
import type { Side } from './make-case.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { side: { type: 'string' }, runtime: { type: 'string' } },
});
const [cases = 1_000_000, firstSeed = Date.now() % 1_000_000_000] = positionals.map(Number);
const sides = (['client', 'database'] as const).filter((side) =>
  [undefined, side].includes(values.side as Side),
);
const runtimes = (['node', 'bun'] as const).filter((runtime) =>
  [undefined, runtime].includes(values.runtime as Runtime),
);
/** Cases of one daemon between two lines of progress. */
const batch = 10_000;

let findings = 0;
let played = 0;
const began = performance.now();
const share = Math.ceil(cases / sides.length / runtimes.length);
for (const side of sides) {
  for (const runtime of runtimes) {
    for (let at = 0; at < share; at += batch) {
      const fuzz = await Fuzz.start(side, runtime);
      const found = await fuzz.run(firstSeed + at, Math.min(batch, share - at));
      played += fuzz.played;
      const { sessions, lies } = fuzz;
      await fuzz.stop();
      if (found !== null) {
        findings += 1;
        console.log(`${found.why}\n  kept in ${found.file}`);
      }
      const rate = Math.round((played / (performance.now() - began)) * 60_000);
      console.log(
        `${side}, ${runtime}: ${played} of ${cases} cases, ${rate} a minute, ${findings} findings; ${sessions.answered} sessions answered afterwards, ${sessions.ended} did not, ${lies} lies`,
      );
    }
  }
}
console.log(`these cases again: node test/hostile/fuzz/main.ts ${cases} ${firstSeed}`);
process.exitCode = findings === 0 ? 0 : 1;
