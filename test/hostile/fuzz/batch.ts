import { Fuzz } from './fuzz.ts';
import type { Finding, Setup } from './fuzz.ts';
import type { Side } from './make-case.ts';

/** Cases for one daemon. */
export interface Batch extends Setup {
  readonly side: Side;
  readonly firstSeed: number;
  readonly count: number;
}

/** The result of a batch. */
export interface Outcome {
  readonly played: number;
  readonly answered: number;
  readonly ended: number;
  readonly lies: number;
  readonly finding: Finding | null;
}

/** Runs the batch in the argument, and sends the result to the parent process. */
async function main(text: string): Promise<void> {
  const { side, firstSeed, count, ...setup } = JSON.parse(text) as Batch;
  const fuzz = await Fuzz.start(side, setup);
  const finding = await fuzz.run(firstSeed, count);
  const outcome: Outcome = {
    ...fuzz.sessions,
    played: fuzz.played,
    lies: fuzz.lies,
    finding,
  };
  await fuzz.stop();
  process.send?.(outcome);
}

const [text] = process.argv.slice(2);
if (text !== undefined) await main(text);
