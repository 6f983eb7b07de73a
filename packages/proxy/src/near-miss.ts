/**
 * The candidates that `typed` probably means, nearest first: those with the smallest edit distance (change, add, drop
 * or swap a letter), if that is at most `limit`. Case, spaces, `_` and `-` are ignored, so `pool_size` finds
 * `PoolSize`.
 */
export function nearMisses(
  typed: string,
  candidates: Iterable<string>,
  limit = Math.max(1, Math.floor(typed.length / 4)),
): string[] {
  return [...candidates]
    .map((candidate) => ({ candidate, distance: editDistance(plain(typed), plain(candidate)) }))
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .map(({ candidate }) => candidate);
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[_\s-]/g, '');
}

/** Optimal string alignment: each row needs the two before it, the second one for swapped letters. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let distance = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        distance = Math.min(distance, (beforeLast[column - 2] ?? 0) + 1);
      }
      current.push(distance);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}
