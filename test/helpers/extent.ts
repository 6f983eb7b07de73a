/** Whether tests try everything (`npm run test:all`); `npm test` tries a fixed sample. */
export const triesAll = process.env['SLUICE_TEST_ALL'] === '1';

/** Every nth item, the same ones in every run; with `npm run test:all`, every item. */
export function sampleOf<Item>(all: readonly Item[], every: number): readonly Item[] {
  return triesAll ? all : all.filter((_, at) => at % every === 0);
}
