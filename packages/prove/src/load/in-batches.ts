/** Does something for each item, so many at a time, and resolves to what became of each, in their order. */
export async function inBatches<Item, Result>(
  items: readonly Item[],
  size: number,
  act: (item: Item) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  const results: PromiseSettledResult<Result>[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      const [result] = await Promise.allSettled([act(items[at] as Item)]);
      results[at] = result;
    }
  };
  await Promise.all(Array.from({ length: Math.min(size, items.length) }, work));
  return results;
}
