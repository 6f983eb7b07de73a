import type { Credential } from './credentials.ts';

/** How most users are asked for their passwords: whoever is not known is asked like that. */
export interface UsualQuestion {
  readonly isMd5: boolean;
  readonly iterations: number;
}

/** Iterations that PostgreSQL's verifiers have unless `scram_iterations` says otherwise. */
const usualIterations = 4096;

/** What is asked most often of these users. */
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
