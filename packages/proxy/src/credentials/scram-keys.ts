import { createHash } from 'node:crypto';
import { deriveKeys } from '@sluice/wire';
import type { ScramKeys } from '@sluice/wire';
import { preparePassword } from './saslprep.ts';

/** The maximum number of cached keys; one per active user and database is enough. */
const kept = 1000;

const derived = new Map<string, ScramKeys>();

/**
 * The SCRAM keys of a password. PBKDF2 takes milliseconds, so keys are cached by their inputs: a pool derives them
 * once, not for each connection. The password itself is not cached.
 */
export function scramKeys(
  password: string,
  salt: Buffer,
  iterations: number,
  done: (error: Error | null, keys: ScramKeys | null) => void,
): void {
  const digest = createHash('sha256').update(password).digest('base64');
  const key = `${digest}:${salt.toString('base64')}:${iterations}`;
  const known = derived.get(key);
  if (known !== undefined) {
    done(null, known);
    return;
  }
  deriveKeys(preparePassword(password), salt, iterations, (error, keys) => {
    if (keys !== null) {
      const oldest = derived.keys().next();
      if (derived.size >= kept && oldest.done !== true) derived.delete(oldest.value);
      derived.set(key, keys);
    }
    done(error, keys);
  });
}
