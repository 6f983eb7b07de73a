import type { Credential } from './credentials.ts';

/**
 * The authentication method and iterations of most users. Unknown users get the same authentication request, so that it
 * does not reveal which users exist.
 */
export interface CommonAuthentication {
  readonly isMd5: boolean;
  readonly iterations: number;
}

/** PostgreSQL's default of `scram_iterations`. */
const defaultIterations = 4096;

/** The most frequent method and iterations of these users. */
export function commonAuthentication(users: Iterable<Credential>): CommonAuthentication {
  const counts = new Map<number, number>();
  for (const { proofs } of users) {
    const [proof] = proofs;
    if (proof === undefined) continue;
    const iterations = proof.scram?.iterations ?? 0;
    counts.set(iterations, (counts.get(iterations) ?? 0) + 1);
  }
  const [most] = [...counts].toSorted((a, b) => b[1] - a[1]);
  const iterations = most?.[0] ?? defaultIterations;
  return { isMd5: iterations === 0, iterations: iterations === 0 ? defaultIterations : iterations };
}
