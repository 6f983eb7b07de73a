/** The candidates that a mistyped word most likely meant, nearest first; empty when none is near. */
export function nearest(word: string, candidates: Iterable<string>, most = 3): string[] {
  const wanted = fold(word);
  const limit = Math.max(2, Math.floor(wanted.length / 4));
  return [...candidates]
    .map((candidate) => ({ candidate, distance: distance(wanted, fold(candidate)) }))
    .filter((entry) => entry.distance <= limit)
    .sort((a, b) => a.distance - b.distance || a.candidate.localeCompare(b.candidate))
    .slice(0, most)
    .map((entry) => entry.candidate);
}

/** Spelling variants of one name (`require_tls`, `RequireTLS`, `require-tls`) are the same word here. */
function fold(word: string): string {
  return word.toLowerCase().replaceAll(/[-_\s]/g, '');
}

/** Edits (insert, delete, replace) that turn one word into the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
