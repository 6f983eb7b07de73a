import type { Credential } from './credentials.ts';

/**
 * The authentication method and iterations of most users. Unknown users are asked in the same way, so that names cannot be
 * probed.
 */
export interface UsualQuestion {
  readonly isMd5: boolean;
  readonly iterations: number;
}

/** PostgreSQL's default of `scram_iterations`. */
const usualIterations = 4096;

/** The most frequent method and iterations of these users. */
export function usualQuestion(users: Iterable<Credential>): UsualQuestion {
  const counts = new Map<number, number>();
  for (const { proofs } of users) {
    const [proof] = proofs;
    if (proof === undefined) continue;
    const iterations = proof.scram?.iterations ?? 0;
    counts.set(iterations, (counts.get(iterations) ?? 0) + 1);
  }
  const [most] = [...counts].toSorted((a, b) => b[1] - a[1]);
  const iterations = most?.[0] ?? usualIterations;
  return { isMd5: iterations === 0, iterations: iterations === 0 ? usualIterations : iterations };
}
