import process from 'node:process';

/** Whether tests try everything (`npm run test:all`); `npm test` tries a fixed sample. */
export const triesAll = process.env['SLUICE_TEST_ALL'] === '1';

/** Whether random suites play at full length: `npm run test:random`, and everything that `npm run test:all` tries. */
const playsAtLength = triesAll || process.env['SLUICE_TEST_RANDOM'] === '1';

/** How much a random suite plays: in `npm test` the first number, and in `npm run test:random` the second. */
export function lengthOf(short: number, full: number): number {
  return playsAtLength ? full : short;
}

/** Every nth item, the same ones in every run; with `npm run test:all`, every item. */
export function sampleOf<Item>(all: readonly Item[], every: number): readonly Item[] {
  return triesAll ? all : all.filter((_, at) => at % every === 0);
}
