import type { Case } from './case.ts';
import { clientSession, clientStartup } from './client-messages.ts';
import { databaseAnswer } from './database-messages.ts';
import { Random } from './random.ts';

/** Who is hostile. */
export type Side = 'client' | 'database';

/** The case of a seed: always the same. */
export function makeCase(side: Side, seed: number): Case {
  const random = new Random(seed);
  if (side === 'client')
    return random.chance(0.2) ? clientStartup(random, seed) : clientSession(random, seed);
  const share = random.fraction();
  if (share < 0.005) return databaseAnswer(random, seed, 'database check');
  return databaseAnswer(random, seed, share < 0.08 ? 'database login' : 'database statement');
}
