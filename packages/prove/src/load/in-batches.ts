/** Runs `act` for each item, at most `size` at a time; resolves to the results in the order of the items. */
export async function inBatches<Item, Result>(
  items: readonly Item[],
  size: number,
  act: (item: Item) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  const results: PromiseSettledResult<Result>[] = [];
  const entries = items.entries();
  const work = async (): Promise<void> => {
    for (const [at, item] of entries) [results[at]] = await Promise.allSettled([act(item)]);
  };
  await Promise.all(Array.from({ length: Math.min(size, items.length) }, work));
  return results;
}
